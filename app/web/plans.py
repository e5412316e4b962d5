"""Saved plans: the list, one plan with its links, and what can be done to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Form, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from app.domain.errors import FieldError, InvalidInput
from app.http.cookies import cookie, forget_cookie, keep_cookie
from app.http.dependencies import ServicesDep, VersionField
from app.schemas.plans import NewCopy, NewPlan, NewShare, Share
from app.services.concurrency import IfMatch
from app.services.container import Services
from app.services.ids import is_token
from app.web import forms, planner
from app.web.rendering import render
from app.web.scenario import scenario_of
from app.web.stored import stored_context, view_of

router = APIRouter(prefix="/plans", include_in_schema=False)

NEVER = "never"  # an empty form field would count as none and get the default
EXPIRIES = (("30", "30 days"), ("90", "90 days"), ("365", "1 year"), (NEVER, "Never"))
NOT_STORED = {"Cache-Control": "no-store"}
FRESH = "fresh_link"
FRESH_SECONDS = 60


@dataclass(frozen=True)
class FreshLink:
    """A link whose token is known to its maker alone, and when it ends."""

    url: str
    expires_at: datetime | None


@router.get("")
def plan_list(request: Request, services: ServicesDep, cursor: str | None = None) -> Response:
    """The newest plans."""
    page = services.plans.page(cursor)
    return render(request, "plans/list.html", {"page": page})


@router.post("")
def save_plan(
    request: Request,
    services: ServicesDep,
    query: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    share: Annotated[bool, Form()] = False,
) -> Response:
    """Saves the job of a planner's address, and shares it at once where that is asked for."""
    evaluation = planner.evaluate(services, parse_qsl(query, keep_blank_values=True))
    submission = evaluation.submission
    if submission.request is None or submission.errors:
        return planner.page(request, services, evaluation)
    if not name.strip():
        job = services.resolver.job(submission.request)
        name = scenario_of(job.spec.name, job.hardware, submission.request).name[:200]
    try:
        new = NewPlan(name=name, request=submission.request, preferences=submission.preferences)
    except ValidationError as error:
        raise InvalidInput(FieldError("/name", _reason(error))) from None
    created = services.plans.create(new)
    if share:
        return _shared(request, services, created.id, NewShare())
    return RedirectResponse(f"/plans/{created.id}", status_code=303)


@router.post("/from-link")
def keep_shared_plan(services: ServicesDep, token: Annotated[str, Form()] = "") -> Response:
    """Saves what a link shows among one's own plans.

    Not under the link's address, which is open to everybody: saving takes a key that may write.
    """
    created = services.plans.keep(services.shares.open(token).plan, NewCopy())
    return RedirectResponse(f"/plans/{created.id}", status_code=303)


@router.get("/{plan_id}")
def one_plan(request: Request, services: ServicesDep, plan_id: str) -> Response:
    """A plan as it was computed, and the links to it; a link that was just made, this once."""
    return plan_page(request, services, plan_id, {})


def plan_page(
    request: Request, services: Services, plan_id: str, more: Mapping[str, object]
) -> Response:
    """The page of a plan with `more` in its context."""
    plan = services.plans.get(plan_id)
    shares = services.shares.of_plan(plan_id)
    query = forms.query(plan.request(), plan.preferences())
    fresh = _fresh(request, shares)
    context = {
        **stored_context(plan, view_of(request), f"/plans/{plan.id}"),
        "fresh": fresh,
        "shares": shares,
        "versions": services.plans.history(plan_id).items,
        "expiries": EXPIRIES,
        "now": datetime.now(UTC),
        # A pasted config has no place in an address: such a plan is only read.
        "planner_href": None if plan.request().model.is_inline else f"/?{query}",
        **more,
    }
    response = render(
        request, "plans/page.html", context, headers=NOT_STORED if fresh is not None else None
    )
    if cookie(request, FRESH):
        forget_cookie(response, request, FRESH, path=f"/plans/{plan_id}")
    return response


@router.post("/{plan_id}/shares")
def share_plan(
    request: Request,
    services: ServicesDep,
    plan_id: str,
    expires_in_days: Annotated[str, Form()] = "90",
) -> Response:
    """Makes a link; the plan's page shows it, once."""
    try:
        text = expires_in_days.strip()
        days = None if text == NEVER else int(text) if re.fullmatch(r"[0-9]{1,9}", text) else text
        new = NewShare.model_validate({"expires_in_days": days})
    except ValidationError as error:
        raise InvalidInput(FieldError("/expires_in_days", _reason(error))) from None
    return _shared(request, services, plan_id, new)


@router.post("/{plan_id}/shares/{share_id}/revoke")
def revoke_share(services: ServicesDep, plan_id: str, share_id: str) -> Response:
    """Ends a link now."""
    services.shares.revoke(plan_id, share_id)
    return RedirectResponse(f"/plans/{plan_id}#links", status_code=303)


@router.post("/{plan_id}/delete")
def delete_plan(services: ServicesDep, plan_id: str, version: VersionField) -> Response:
    """Deletes the version that the reader saw, with its links."""
    services.plans.delete(plan_id, IfMatch(frozenset({version})))
    return RedirectResponse("/plans", status_code=303)


def _shared(request: Request, services: Services, plan_id: str, new: NewShare) -> Response:
    """Makes a link, and hands it to the plan's page in a cookie that this page takes away again.

    The token is stored nowhere, and a page that is reloaded must not make another.
    """
    created = services.shares.create(plan_id, new)
    path = f"/plans/{plan_id}"
    response = RedirectResponse(path, status_code=303, headers=NOT_STORED)
    value = f"{created.id}.{created.token}"
    keep_cookie(
        response, request, FRESH, value, seconds=FRESH_SECONDS, path=path, same_site="strict"
    )
    return response


def _fresh(request: Request, shares: list[Share]) -> FreshLink | None:
    """The link that this visitor has just made, by the cookie that came with the redirect."""
    share_id, _, token = cookie(request, FRESH).partition(".")
    share = next((s for s in shares if s.id == share_id and s.revoked_at is None), None)
    if share is None or not is_token(token):
        return None
    return FreshLink(f"{str(request.base_url).rstrip('/')}/s/{token}", share.expires_at)


def _reason(error: ValidationError) -> str:
    return f"{error.errors()[0]['msg'].removeprefix('Value error, ')}."
