"""The light or dark theme: a cookie, set by a form that works without JavaScript."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse

from app.web.rendering import THEMES

router = APIRouter(include_in_schema=False)
_YEAR = 365 * 24 * 3600


@router.post("/theme")
def choose_theme(
    theme: Annotated[str, Form()] = "", next_page: Annotated[str, Form(alias="next")] = "/"
) -> RedirectResponse:
    """Keeps the choice and goes back; an unknown theme goes back to the browser's preference."""
    response = RedirectResponse(_own_page(next_page), status_code=303)
    if theme in THEMES:
        response.set_cookie("theme", theme, max_age=_YEAR, samesite="lax", httponly=True)
    else:
        response.delete_cookie("theme", samesite="lax", httponly=True)
    return response


def _own_page(address: str) -> str:
    """The address when it is a path of ours, else the planner."""
    path = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if path and address.isprintable() else "/"
