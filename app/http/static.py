"""Static files: addresses carry the content's hash, so browsers may keep them for good."""

from __future__ import annotations

import hashlib
from os import PathLike, stat_result
from pathlib import Path

from starlette.datastructures import QueryParams
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC_FOLDER = Path(__file__).resolve().parents[2] / "static"
_FOR_GOOD = "public, max-age=31536000, immutable"
_hashes: dict[Path, tuple[int, str]] = {}


def static_url(path: str) -> str:
    """The address of a file under static/, with its content's hash as `?v=`.

    A file that is not there gets its plain address: optional local copies stay optional.
    """
    file = STATIC_FOLDER / path
    try:
        changed = file.stat().st_mtime_ns
    except OSError:
        return f"/static/{path}"
    known = _hashes.get(file)
    if known is None or known[0] != changed:
        known = changed, hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        _hashes[file] = known
    return f"/static/{path}?v={known[1]}"


class CachedStaticFiles(StaticFiles):
    """A hashed address is immutable; a plain one is asked for again, with its ETag."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        hashed = "v" in QueryParams(scope["query_string"])
        response.headers["Cache-Control"] = _FOR_GOOD if hashed else "no-cache"
        return response


def favicon() -> FileResponse:
    """The one drawing of our icon, under the address that browsers try by themselves."""
    return FileResponse(
        STATIC_FOLDER / "favicon.svg",
        media_type="image/svg+xml",
        headers={"Cache-Control": "public, max-age=86400"},
    )
