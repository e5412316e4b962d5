"""The page behind a shared link: read only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.http.access import principal_of
from app.http.dependencies import ServicesDep
from app.services.container import Services
from app.web.configuration import FOLDER
from app.web.files import download_of
from app.web.qr import qr_of
from app.web.recalculated import recalculation_of
from app.web.rendering import render
from app.web.stored import stored_context, view_of

router = APIRouter(include_in_schema=False)


@router.get("/s/{token}")
def shared_plan(request: Request, services: ServicesDep, token: str) -> Response:
    """The stored plan that a link leads to."""
    return _page(request, services, token, today=False)


@router.get("/s/{token}/recalculation")
def shared_recalculation(request: Request, services: ServicesDep, token: str) -> Response:
    """The same, and beside its numbers what the same inputs give today; nothing is stored."""
    return _page(request, services, token, today=True)


@router.get(f"/s/{{token}}{FOLDER}/{{filename}}")
def shared_file(
    services: ServicesDep,
    token: str,
    filename: str,
    strategy: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """A file that was kept with the plan, or all of a strategy's."""
    return download_of(services.shares.open(token).plan.files(strategy), filename, strategy)


def _page(request: Request, services: Services, token: str, *, today: bool) -> Response:
    shared = services.shares.open(token)
    plan, url = shared.plan, f"{str(request.base_url).rstrip('/')}/s/{token}"
    wanted = plan.request()
    # A profile may since hold what whoever shared the plan did not mean to show.
    by_profile = wanted.model.profile is not None or wanted.hardware.profile is not None
    context = {
        **stored_context(plan, view_of(request), f"/s/{token}"),
        "expires_at": shared.expires_at,
        "url": url,
        "qr": qr_of(url),
        "token": token if _may_save(request, services) else None,
        "recalculable": not by_profile,
        "recalculation": recalculation_of(services, plan) if today and not by_profile else None,
    }
    return render(request, "shared/page.html", context)


def _may_save(request: Request, services: Services) -> bool:
    """Whether whoever asks could keep a copy."""
    principal = principal_of(request)
    return services.settings.access == "open" if principal is None else principal.may_write


@router.get("/s")
@router.get("/s/{rest:path}")
def no_shared_plan(services: ServicesDep) -> Response:
    """What cannot be a token leads where an unknown one leads."""
    services.shares.open("")
    raise AssertionError("an empty token opened a plan")
