"""Cookies that outlive a clock that is set back: one signed “in an hour” is still the visitor's own."""

from __future__ import annotations

import time
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import SignatureExpired, TimestampSigner


class _Signer(TimestampSigner):
    def unsign(self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False) -> Any:
        """What was signed, if its time has not run out; that it lies ahead says that the clock was set back."""
        try:
            return super().unsign(signed_value, max_age, return_timestamp)
        except SignatureExpired as error:
            made = error.date_signed
            if made is None or error.payload is None or made.timestamp() <= time.time():
                raise
            return (error.payload, made) if return_timestamp else error.payload


class Sessions(SecureCookieSessionInterface):
    """Flask's own, with that signer."""

    def get_signing_serializer(self, app: Flask) -> Any:
        """Make what signs and reads the cookie."""
        made = super().get_signing_serializer(app)
        if made is not None:
            made.signer = _Signer
        return made
