"""The files of a strategy to take away: one of them, or all as an archive."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.domain.errors import InvalidInput
from app.http.dependencies import ServicesDep
from app.web.configuration import FOLDER
from app.web.files import download_of
from app.web.planner import read_job

router = APIRouter(prefix=FOLDER, include_in_schema=False)


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
    return download_of(answer.configs, filename, strategy)
