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
# One request for all of them: the order is the cascade's.
STYLESHEET = "css/all.css"
_SHEETS = (
    "tokens", "base", "navigation", "controls", "tables", "planner", "chart", "explore", "pages",
    "systems", "reading", "accuracy", "compare", "bulk", "plans", "print",
)  # fmt: skip
_FOR_GOOD = "public, max-age=31536000, immutable"
_hashes: dict[str, tuple[tuple[int, ...], str]] = {}


def static_url(path: str) -> str:
    """The address of a file under static/, with its content's hash as `?v=`.

    A file that is not there gets its plain address: optional local copies stay optional.
    """
    files = _files_of(path)
    try:
        changed = tuple(file.stat().st_mtime_ns for file in files)
    except OSError:
        return f"/static/{path}"
    known = _hashes.get(path)
    if known is None or known[0] != changed:
        known = changed, hashlib.sha256(_content(files)).hexdigest()[:12]
        _hashes[path] = known
    return f"/static/{path}?v={known[1]}"


def _files_of(path: str) -> list[Path]:
    """The files that an address under static/ stands for, in their order."""
    if path == STYLESHEET:
        return [STATIC_FOLDER / "css" / f"{sheet}.css" for sheet in _SHEETS]
    return [STATIC_FOLDER / path]


def _content(files: list[Path]) -> bytes:
    return b"\n".join(file.read_bytes() for file in files)


class CachedStaticFiles(StaticFiles):
    """A hashed address is immutable; a plain one is asked for again, with its ETag."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or the style sheets as one."""
        if path != STYLESHEET or scope["method"] not in ("GET", "HEAD"):
            return await super().get_response(path, scope)
        caching = {"Cache-Control": _caching(scope)}
        return Response(_content(_files_of(path)), media_type="text/css", headers=caching)

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = _caching(scope)
        return response


def _caching(scope: Scope) -> str:
    return _FOR_GOOD if "v" in QueryParams(scope["query_string"]) else "no-cache"


def favicon() -> FileResponse:
    """The one drawing of our icon, under the address that browsers try by themselves."""
    return FileResponse(
        STATIC_FOLDER / "favicon.svg",
        media_type="image/svg+xml",
        headers={"Cache-Control": "public, max-age=86400"},
    )
