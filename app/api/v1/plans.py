"""`/api/v1/plans`: saved plans."""

from __future__ import annotations

from fastapi import Request, Response

from app.api.v1.creating import created_response
from app.api.v1.paging import CursorQuery, LimitQuery
from app.api.v1.routing import api_router
from app.http.dependencies import IdempotencyKeyDep, IfMatchDep, ServicesDep, VersionPath, etag
from app.http.openapi import problems
from app.schemas.pages import Page
from app.schemas.plans import (
    NewCopy,
    NewPlan,
    NewRecalculation,
    PlanDocument,
    PlanSummary,
    Recalculation,
)
from app.services.plans import Plan
from app.services.pointers import moved_pointers

router = api_router("plans", "/plans", stored=True)

_IN_REQUEST = {"/preferences": "/preferences", "": "/request"}
_PLANS = "/api/v1/plans"
_DEFAULT_COPY = NewCopy()
_DEFAULT_RECALCULATION = NewRecalculation()


@router.get("", summary="List the saved plans, newest first")
def list_plans(
    services: ServicesDep, cursor: CursorQuery = None, limit: LimitQuery = 50
) -> Page[PlanSummary]:
    """A page of plans without their results."""
    return services.plans.page(cursor, limit)


@router.post("", status_code=201, summary="Compute a plan and save it", response_model=PlanDocument)
def create_plan(
    body: NewPlan, request: Request, services: ServicesDep, key: IdempotencyKeyDep
) -> Response:
    """Keeps the inputs, the computed result and the versions that computed it."""
    with moved_pointers(_IN_REQUEST):
        return created_response(request, services.plans.create(body, key))


@router.get(
    "/{plan_id}",
    summary="Read a plan as it was computed",
    response_model=PlanDocument,
    responses=problems(404),
)
def get_plan(plan_id: str, services: ServicesDep) -> Response:
    """The stored result, to the byte; nothing is recomputed."""
    return _plan_response(services.plans.get(plan_id))


@router.put(
    "/{plan_id}",
    summary="Compute a plan anew from new inputs",
    response_model=PlanDocument,
    responses=problems(404, 412, 428),
)
def replace_plan(
    plan_id: str, body: NewPlan, services: ServicesDep, if_match: IfMatchDep
) -> Response:
    """Replaces name, inputs and result if nobody else did since the ETag in If-Match."""
    with moved_pointers(_IN_REQUEST):
        return _plan_response(services.plans.replace(plan_id, body, if_match))


@router.delete(
    "/{plan_id}",
    status_code=204,
    summary="Delete a plan and its shares",
    responses=problems(404, 412, 428),
)
def delete_plan(plan_id: str, services: ServicesDep, if_match: IfMatchDep) -> None:
    """Deletes the plan if nobody else changed it since the ETag in If-Match."""
    services.plans.delete(plan_id, if_match)


@router.get(
    "/{plan_id}/versions",
    summary="List a plan's versions, newest first",
    responses=problems(404),
)
def list_plan_versions(
    plan_id: str, services: ServicesDep, cursor: CursorQuery = None, limit: LimitQuery = 50
) -> Page[PlanSummary]:
    """Every version that was saved, without its result; `updated_at` is when."""
    return services.plans.history(plan_id, cursor, limit)


@router.get(
    "/{plan_id}/versions/{version}",
    summary="Read an earlier version of a plan",
    response_model=PlanDocument,
    responses=problems(404),
)
def get_plan_version(plan_id: str, version: VersionPath, services: ServicesDep) -> Response:
    """The result that this version was saved with, to the byte."""
    return _plan_response(services.plans.get(plan_id, version))


@router.post(
    "/{plan_id}/copies",
    status_code=201,
    summary="Copy a plan as it is stored",
    response_model=PlanDocument,
    responses=problems(404),
)
def copy_plan(
    plan_id: str,
    request: Request,
    services: ServicesDep,
    key: IdempotencyKeyDep,
    body: NewCopy = _DEFAULT_COPY,
) -> Response:
    """A plan of its own with the same inputs and the same result; nothing is recomputed."""
    return created_response(request, services.plans.copy(plan_id, body, key), _PLANS)


@router.get(
    "/{plan_id}/recalculation",
    summary="Compare a plan with what its inputs give today",
    responses=problems(404),
)
def get_recalculation(plan_id: str, services: ServicesDep) -> Recalculation:
    """Value by value, with the reasons; nothing is stored."""
    with moved_pointers(_IN_REQUEST):
        return services.plans.compared_with_today(services.plans.get(plan_id))


@router.post(
    "/{plan_id}/recalculations",
    status_code=201,
    summary="Save a plan's inputs as a new plan, computed today",
    response_model=PlanDocument,
    responses=problems(404),
)
def recalculate_plan(
    plan_id: str,
    request: Request,
    services: ServicesDep,
    key: IdempotencyKeyDep,
    body: NewRecalculation = _DEFAULT_RECALCULATION,
) -> Response:
    """The plan itself stays as it is."""
    with moved_pointers(_IN_REQUEST):
        return created_response(request, services.plans.recalculate(plan_id, body, key), _PLANS)


def _plan_response(plan: Plan) -> Response:
    headers = {"ETag": etag(plan.version)}
    return Response(plan.document(), headers=headers, media_type="application/json")
