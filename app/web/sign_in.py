"""Signing in with a key, where access is by key, and signing out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from app.http.access import COOKIE, SIGN_IN, session_token
from app.http.dependencies import ServicesDep
from app.settings import is_loopback
from app.web.own_pages import own_page
from app.web.rendering import render

router = APIRouter(include_in_schema=False)

_NOT_STORED = {"Cache-Control": "no-store"}
# Cookies are left alone: the header would clear those of every site under the same domain.
_CLEARED = {"Clear-Site-Data": '"cache", "storage"'}


@router.get(SIGN_IN)
def sign_in_page(
    request: Request, services: ServicesDep, next_page: Annotated[str, Query(alias="next")] = "/"
) -> Response:
    """The form; where nobody needs to sign in, the page that was wanted."""
    if services.settings.access == "open":
        return RedirectResponse(own_page(next_page), 303)
    return _form(request, own_page(next_page))


@router.post(SIGN_IN)
def sign_in(
    request: Request,
    services: ServicesDep,
    key: Annotated[str, Form(max_length=200)] = "",
    next_page: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Keeps a session in a cookie and goes where one was going."""
    wanted = own_page(next_page)
    session = services.access.sign_in(key.strip(), instead_of=session_token(request))
    if session is None:
        return _form(request, wanted, "This key does not work. Ask for a new one.")
    response = RedirectResponse(wanted, 303, headers=_NOT_STORED)
    response.set_cookie(
        COOKIE,
        session.token,
        max_age=int((session.expires_at - datetime.now(UTC)).total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",  # strict would ask again whoever follows a link to a plan
    )
    return response


@router.post("/sign-out")
def sign_out(request: Request, services: ServicesDep) -> Response:
    """Ends the session, and has the browser drop what it kept of the pages."""
    services.access.sign_out(session_token(request))
    response = RedirectResponse(SIGN_IN, 303, headers=_NOT_STORED | _CLEARED)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


def _form(request: Request, wanted: str, error: str = "") -> Response:
    unkept = request.url.scheme == "http" and not is_loopback(request.url.hostname or "")
    context = {"next": wanted, "error": error, "unkept": unkept}
    status = 422 if error else 200
    return render(request, "sign_in/page.html", context, status=status, headers=_NOT_STORED)
