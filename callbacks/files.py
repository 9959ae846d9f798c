"""Files on their way in (tus 1.0) and out."""

from __future__ import annotations

import base64
import binascii
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from flask import Blueprint, Response, request, send_file
from werkzeug.exceptions import ClientDisconnected

from callbacks.house import house, workspace
from services import datasets, export, results, uploads
from services.errors import Busy, FileRefused, NotFound, OutOfStep
from services.table import DATA

routes = Blueprint("files", __name__)

_TUS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}

# A part holds a thread of the server, of eight, as long as its line takes: so many arrive at once, and so many wait.
MOST_ARRIVING, MOST_WAITING = 3, 2
PATIENCE = 5.0  # seconds that a part waits for its turn
SILENCE = 20.0  # seconds without a byte after which a line is let go
LONGEST = 60.0  # seconds that a part may take; what came of it is kept, and the rest comes as the next
_arriving = threading.BoundedSemaphore(MOST_ARRIVING)
_here = threading.BoundedSemaphore(MOST_ARRIVING + MOST_WAITING)


@routes.post("/_uploads")
def create() -> Response:
    """Begin an upload; the answer's Location is where its parts go."""
    meta = _metadata(request.headers.get("Upload-Metadata", ""))
    length = _number("Upload-Length")
    if length is None:
        raise FileRefused("The size of the file was not said. Upload it again.")
    name = meta.get("filename", "table.csv")
    settings = house().settings
    upload = uploads.create(
        workspace(), name, length, limit_mb=settings.upload_limit_mb, quota_mb=settings.visitor_quota_mb
    )
    return Response(status=201, headers={**_TUS, "Location": f"/_uploads/{upload.id}"})


@routes.route("/_uploads/<upload>", methods=["HEAD"])
def state(upload: str) -> Response:
    """How much of it is here."""
    found = uploads.get(workspace(), upload)
    sizes = {"Upload-Offset": str(found.offset), "Upload-Length": str(found.length)}
    return Response(status=200, headers={**_TUS, **sizes})


@routes.patch("/_uploads/<upload>")
def append(upload: str) -> Response:
    """Take the next part, block by block: nothing of it is held."""
    found = uploads.get(workspace(), upload)
    offset = _number("Upload-Offset")
    if offset is None:
        raise OutOfStep("It was not said where this part of the file goes.")
    line = request.environ.get("gunicorn.socket")
    if line is not None:  # gunicorn waits for ever
        line.settimeout(SILENCE)
    try:
        with _turn():
            end = uploads.append(found, offset, _blocks(), _digest())
    except Busy:
        if line is not None:  # else gunicorn reads the rest, for seconds, from a line that may be silent
            with suppress(OSError):
                line.shutdown(socket.SHUT_RD)
        raise
    return Response(status=204, headers={**_TUS, "Upload-Offset": str(end)})


@routes.delete("/_uploads/<upload>")
def remove(upload: str) -> Response:
    """Give an upload up."""
    uploads.remove(uploads.get(workspace(), upload))
    return Response(status=204, headers=_TUS)


@routes.get("/_files/<key>/<name>")
def download(key: str, name: str) -> Response:
    """A file that a run made, or an export of its tables: of the visitor's own result."""
    stored = results.get(workspace().result(key))
    if name in stored.about.get("files", ()):  # what its run made beside its tables
        return send_file(stored.folder / name, as_attachment=True, download_name=name, mimetype="text/plain")
    if not export.is_file_name(name) or not (stored.folder / results.EXPORTS / name).is_file():
        raise NotFound("This file does not exist any more. Export it again.")
    shown = f"{stored.about['slug']}_{name.replace('.raw.', '.')}"
    return send_file(stored.folder / results.EXPORTS / name, as_attachment=True, download_name=shown)


@routes.get("/_tables/<dataset>.parquet")
def table(dataset: str) -> Response:
    """Every row of the visitor's own dataset, as it lies on disk."""
    known = datasets.about(workspace(), dataset)
    shown = "".join(sign if sign.isalnum() or sign in " .,_-" else "_" for sign in known["name"])[:100]
    path = workspace().dataset(known["id"]) / DATA
    return send_file(path, as_attachment=True, download_name=f"{shown}.parquet", mimetype="application/octet-stream")


@contextmanager
def _turn() -> Iterator[None]:
    """A place among the parts that arrive, so that most threads are always left for everything else."""
    with ExitStack() as held:
        for places, wait in ((_here, 0.0), (_arriving, PATIENCE)):
            if not places.acquire(timeout=wait):
                raise Busy("Other files are arriving. This one goes on after them.")
            held.callback(places.release)
        yield


def _blocks() -> Iterator[bytes]:
    """The body of the request as it comes."""
    end = time.monotonic() + LONGEST
    try:
        while block := request.stream.read(uploads.BLOCK):
            yield block
            if time.monotonic() > end:
                raise Busy("This part of the file took too long.")
    except ClientDisconnected:
        raise Busy("The line fell silent.") from None


def _number(header: str) -> int | None:
    text = request.headers.get(header, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def _digest() -> bytes | None:
    """The SHA-256 of this part, where the browser could make one: outside HTTPS it cannot."""
    kind, _, text = request.headers.get("Upload-Checksum", "").partition(" ")
    if kind != "sha256":
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""  # of nothing: the part is refused, and sent again


def _metadata(header: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, (each.strip() for each in header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except ValueError:
            raise FileRefused("The name of the file could not be read. Rename it and upload it again.") from None
    return found
