"""The files of a strategy to take away: one of them, or all as an archive."""

from __future__ import annotations

import io
import zipfile

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app.domain.errors import InvalidInput
from app.http.dependencies import ServicesDep
from app.schemas.configurations import Configuration
from app.web.configuration import ALL_FILES, FOLDER
from app.web.planner import read_job

router = APIRouter(prefix=FOLDER, include_in_schema=False)

# The oldest date that a zip archive knows: equal files make equal archives.
_NO_DATE = (1980, 1, 1, 0, 0, 0)
_EXECUTABLE, _READABLE = 0o755 << 16, 0o644 << 16


@router.get("/{filename}")
def download(request: Request, services: ServicesDep, filename: str) -> Response:
    """One file of the strategy that the query names, or all of them as an archive.

    A job that has no answer leads back to the planner, which says why.
    """
    submission = read_job(services, request.query_params.multi_items())
    back = RedirectResponse(f"/?{request.url.query}", status_code=303)
    strategy = submission.view.strategy
    if submission.request is None or strategy is None:
        return back
    try:
        trainer = submission.preferences.trainer
        answer = services.configurer.configure(submission.request, strategy, trainer)
    except InvalidInput:
        return back
    if filename == ALL_FILES and answer.configs:
        return _attachment(_archive(answer.configs), "application/zip", f"shardplan-{strategy}.zip")
    for file in answer.configs:
        if file.filename == filename:
            return _attachment(file.content.encode(), "text/plain; charset=utf-8", filename)
    raise HTTPException(404)


def _attachment(content: bytes, media_type: str, filename: str) -> Response:
    disposition = f'attachment; filename="{filename}"'
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})


def _archive(files: list[Configuration]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.filename, _NO_DATE)
            entry.external_attr = _EXECUTABLE if file.format == "launch_command" else _READABLE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.content)
    return target.getvalue()
