"""The page behind a shared link: read only."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.http.dependencies import ServicesDep
from app.web.rendering import render
from app.web.stored import stored_context, view_of

router = APIRouter(include_in_schema=False)


@router.get("/s/{token}")
def shared_plan(request: Request, services: ServicesDep, token: str) -> Response:
    """The stored plan that a link leads to."""
    shared = services.shares.open(token)
    context = {
        **stored_context(shared.plan, view_of(request), f"/s/{token}"),
        "expires_at": shared.expires_at,
    }
    return render(request, "shared/page.html", context)


@router.get("/s")
@router.get("/s/{rest:path}")
def no_shared_plan(services: ServicesDep) -> Response:
    """What cannot be a token leads where an unknown one leads."""
    services.shares.open("")
    raise AssertionError("an empty token opened a plan")
