"""Links to plans: made and revoked under the plan, opened by their token."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request, Response

from app.api.v1.routing import api_router
from app.http.dependencies import IdempotencyKeyDep, ServicesDep
from app.http.openapi import problems
from app.schemas.plans import CreatedShare, NewShare, Share, SharedPlanDocument

router = api_router("shares", stored=True)

_DEFAULT_SHARE = NewShare()


@dataclass(frozen=True, slots=True)
class Shares:
    """All links of one plan."""

    items: list[Share]


@router.get("/plans/{plan_id}/shares", summary="List a plan's links", responses=problems(404))
def list_shares(plan_id: str, services: ServicesDep) -> Shares:
    """Live, ended and revoked links, newest first; never their tokens."""
    return Shares(services.shares.of_plan(plan_id))


@router.post(
    "/plans/{plan_id}/shares",
    status_code=201,
    summary="Make a link to a plan",
    responses=problems(404),
)
def create_share(
    plan_id: str,
    request: Request,
    response: Response,
    services: ServicesDep,
    key: IdempotencyKeyDep,
    body: NewShare = _DEFAULT_SHARE,
) -> CreatedShare:
    """The token and the address are in this answer only."""
    base_url = str(request.base_url).rstrip("/")
    share = services.shares.create(plan_id, body, base_url, key)
    response.headers["Location"] = f"{request.scope['path']}/{share.id}"
    return share


@router.delete(
    "/plans/{plan_id}/shares/{share_id}",
    status_code=204,
    summary="Revoke a link",
    responses=problems(404),
)
def revoke_share(plan_id: str, share_id: str, services: ServicesDep) -> None:
    """The link stops working at once."""
    services.shares.revoke(plan_id, share_id)


@router.get(
    "/shares/{token}",
    summary="Open a link",
    response_model=SharedPlanDocument,
    responses=problems(404),
)
def open_share(token: str, services: ServicesDep) -> Response:
    """The plan behind a link, read only. Unknown, ended and revoked tokens are the same 404."""
    shared = services.shares.open(token)
    return Response(shared.document(), media_type="application/json")


@router.get("/shares", include_in_schema=False)
@router.get("/shares/{rest:path}", include_in_schema=False)
def no_share(services: ServicesDep) -> Response:
    """What cannot be a token is answered like an unknown one."""
    services.shares.open("")
    raise AssertionError("an empty token opened a plan")
