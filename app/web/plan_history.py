"""What becomes of a saved plan: earlier versions, copies, its files, and today's numbers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from app.http.dependencies import ServicesDep, VersionPath
from app.schemas.plans import NewCopy, NewRecalculation
from app.web.configuration import FOLDER
from app.web.files import download_of
from app.web.plans import plan_page
from app.web.recalculated import recalculation_of
from app.web.rendering import render
from app.web.stored import stored_context, view_of

router = APIRouter(prefix="/plans/{plan_id}", include_in_schema=False)

StrategyQuery = Annotated[str, Query(max_length=64)]


@router.get("/versions/{version}")
def one_version(
    request: Request, services: ServicesDep, plan_id: str, version: VersionPath
) -> Response:
    """A plan as this version of it was computed."""
    plan = services.plans.get(plan_id, version)
    path = f"/plans/{plan_id}/versions/{version}"
    context = {
        **stored_context(plan, view_of(request), path),
        "current": services.plans.get(plan_id).version,
    }
    return render(request, "plans/version.html", context)


@router.get("/recalculation")
def recalculation(request: Request, services: ServicesDep, plan_id: str) -> Response:
    """The plan, and beside its numbers what the same inputs give today."""
    found = recalculation_of(services, services.plans.get(plan_id))
    return plan_page(request, services, plan_id, {"recalculation": found})


@router.post("/recalculation")
def save_recalculation(services: ServicesDep, plan_id: str) -> Response:
    """Saves today's numbers as a plan of its own."""
    created = services.plans.recalculate(plan_id, NewRecalculation())
    return RedirectResponse(f"/plans/{created.id}", status_code=303)


@router.post("/copy")
def copy_plan(services: ServicesDep, plan_id: str) -> Response:
    """Saves the plan once more, as it is."""
    created = services.plans.copy(plan_id, NewCopy())
    return RedirectResponse(f"/plans/{created.id}", status_code=303)


@router.get(f"{FOLDER}/{{filename}}")
def plan_file(
    services: ServicesDep, plan_id: str, filename: str, strategy: StrategyQuery = ""
) -> Response:
    """A file that was kept with the plan, or all of a strategy's."""
    return download_of(services.plans.get(plan_id).files(strategy), filename, strategy)


@router.get(f"/versions/{{version}}{FOLDER}/{{filename}}")
def version_file(
    services: ServicesDep,
    plan_id: str,
    version: VersionPath,
    filename: str,
    strategy: StrategyQuery = "",
) -> Response:
    """The same of an earlier version."""
    return download_of(services.plans.get(plan_id, version).files(strategy), filename, strategy)
