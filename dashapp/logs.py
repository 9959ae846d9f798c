"""The server's log: one JSON object a line on standard error, for people with grep and for collectors."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys


class Lines(logging.Formatter):
    """A line: when, how grave, from where, and either a message or, of an event, its fields.

    A traceback is a field of its own: its line breaks stay readable to whoever prints that field.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        line |= getattr(record, "said", None) or {"message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def set_up(level: str) -> None:
    """Log from `level` up to standard error, as lines of JSON; gunicorn's own log is its own."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
