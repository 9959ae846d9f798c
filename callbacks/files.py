"""Files on their way in (tus 1.0) and out."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from flask import Blueprint, Response, request, send_file

from callbacks.house import house, workspace
from services import export, results, uploads
from services.errors import FileRefused, NotFound

routes = Blueprint("files", __name__)

_TUS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}


@routes.post("/_uploads")
def create() -> Response:
    """Begin an upload; the answer's Location is where its parts go."""
    meta = _metadata(request.headers.get("Upload-Metadata", ""))
    length = request.headers.get("Upload-Length", "")
    if not length.isdigit():
        raise FileRefused("The size of the file was not said. Upload it again.")
    name = meta.get("filename", "table.csv")
    upload = uploads.create(workspace(), name, int(length), limit_mb=house().settings.upload_limit_mb)
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
    offset = request.headers.get("Upload-Offset", "")
    if not offset.isdigit() or int(offset) != found.offset:
        return Response("This part does not follow what is here already.", status=409, headers=_TUS)

    def blocks() -> Iterator[bytes]:
        while block := request.stream.read(uploads.BLOCK):
            yield block

    return Response(status=204, headers={**_TUS, "Upload-Offset": str(uploads.append(found, int(offset), blocks()))})


@routes.delete("/_uploads/<upload>")
def remove(upload: str) -> Response:
    """Give an upload up."""
    uploads.remove(uploads.get(workspace(), upload))
    return Response(status=204, headers=_TUS)


@routes.get("/_files/<key>/<name>")
def download(key: str, name: str) -> Response:
    """An export that a job wrote, of the visitor's own result."""
    stored = results.get(workspace().result(key))
    if not export.is_file_name(name) or not (stored.folder / results.EXPORTS / name).is_file():
        raise NotFound("This file does not exist any more. Export it again.")
    shown = f"{stored.about['slug']}_{name.replace('.raw.', '.')}"
    return send_file(stored.folder / results.EXPORTS / name, as_attachment=True, download_name=shown)


def _metadata(header: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, (each.strip() for each in header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except ValueError:
            raise FileRefused("The name of the file could not be read. Rename it and upload it again.") from None
    return found
