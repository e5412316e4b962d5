"""The light or dark theme: a cookie, set by a form that works without JavaScript."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from app.http.cookies import forget_cookie, keep_cookie
from app.web.own_pages import own_page
from app.web.rendering import THEMES, is_fragment_request

router = APIRouter(include_in_schema=False)
_YEAR = 365 * 24 * 3600


@router.post("/theme")
def choose_theme(
    request: Request,
    theme: Annotated[str, Form()] = "",
    next_page: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Keeps the choice and goes back; an unknown theme goes back to the browser's preference."""
    stays = is_fragment_request(request)
    back = RedirectResponse(own_page(next_page), status_code=303)
    response: Response = Response(status_code=204) if stays else back
    if theme in THEMES:
        keep_cookie(response, request, "theme", theme, seconds=_YEAR)
    else:
        forget_cookie(response, request, "theme")
    return response
