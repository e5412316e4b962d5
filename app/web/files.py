"""Configuration files to take away: one of them, or all as an archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.schemas.configurations import Configuration
from app.web.configuration import ALL_FILES

# The oldest date that a zip archive knows: equal files make equal archives.
_NO_DATE = (1980, 1, 1, 0, 0, 0)
_EXECUTABLE, _READABLE = 0o755 << 16, 0o644 << 16


def download_of(files: Sequence[Configuration], filename: str, strategy: str) -> Response:
    """The file of that name, or the archive of all of a strategy's; raises a 404 for another."""
    if filename == ALL_FILES and files:
        return _attachment(_archive(files), "application/zip", f"shardplan-{strategy}.zip")
    for file in files:
        if file.filename == filename:
            return _attachment(file.content.encode(), "text/plain; charset=utf-8", filename)
    raise HTTPException(404)


def _attachment(content: bytes, media_type: str, filename: str) -> Response:
    disposition = f'attachment; filename="{filename}"'
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})


def _archive(files: Sequence[Configuration]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.filename, _NO_DATE)
            entry.external_attr = _EXECUTABLE if file.format == "launch_command" else _READABLE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.content)
    return target.getvalue()
