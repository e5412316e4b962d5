"""The planner: the whole job is in the address, the answer is one page or a part of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from app.domain.errors import InvalidInput
from app.http.dependencies import ServicesDep
from app.schemas.planning import PlanResult
from app.services.container import Services
from app.web import forms
from app.web.answer import Answer, answer_of
from app.web.fields import FIELDS
from app.web.forms import Submission, View
from app.web.options import options_of
from app.web.rendering import is_fragment_request, render, target_of
from app.web.scenario import scenario_of

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Evaluation:
    """A submission with its answer.

    `shown` is the job that the result belongs to: the submitted one, or, where that is invalid,
    the same with its bad fields at their defaults (`replaced` names them).
    """

    submission: Submission
    shown: Submission
    result: PlanResult | None
    replaced: tuple[str, ...] = ()


def evaluate(services: Services, pairs: list[tuple[str, str]]) -> Evaluation:
    """Plan what a query asks for. Bad fields end up in `submission.errors`, nothing is raised."""
    submission, result = _plan(services, forms.read(pairs))
    if result is not None:
        return Evaluation(submission, submission, result)
    bad = tuple(name for name in submission.errors if name)
    shown, instead = _plan(services, forms.read(pairs, leave_out=bad))
    return Evaluation(submission, shown, instead, bad)


def _plan(services: Services, submission: Submission) -> tuple[Submission, PlanResult | None]:
    if submission.request is None:
        return submission, None
    try:
        return submission, services.planner.plan(submission.request, submission.preferences)
    except InvalidInput as error:
        return replace(submission, errors=forms.field_messages(error.errors)), None


def address(submission: Submission, view: View | None = None) -> str:
    """The planner's address for a job and a view of it."""
    if submission.request is None:
        return "/"
    chosen = submission.view if view is None else view
    return "/?" + forms.query(submission.request, submission.preferences, chosen)


@router.get("/")
def planner(
    request: Request,
    services: ServicesDep,
    x_change: Annotated[str, Header()] = "",
) -> Response:
    """The plan that the query asks for; without a query, the worked example."""
    evaluation = evaluate(services, request.query_params.multi_items())
    if not is_fragment_request(request):
        return page(request, services, evaluation)
    submission = evaluation.submission
    context = context_of(services, evaluation)
    if submission.errors:
        # The reader's last valid answer stays where it is; only the messages change.
        asked = f"/?{request.url.query}"
        headers = {"HX-Reswap": "none", "HX-Replace-Url": asked}
        return render(
            request, "planner/page.html", context, blocks=["messages"], status=422, headers=headers
        )
    here = address(submission)
    same = request.headers.get("HX-Current-URL", "").endswith(here)
    keeps = x_change == "typing" or same
    headers = {
        "HX-Replace-Url" if keeps else "HX-Push-Url": here,
        "HX-Trigger": json.dumps({"shardplan:values": {"values": _numbers(submission.values)}}),
    }
    whole = target_of(request) == "planner"
    blocks = ["planner", "status"] if whole else ["answer", "updates", "status"]
    return render(request, "planner/page.html", context, blocks=blocks, headers=headers)


def page(request: Request, services: Services, evaluation: Evaluation) -> Response:
    """The whole page; 422 where a field is bad."""
    status = 422 if evaluation.submission.errors else 200
    context = context_of(services, evaluation)
    return render(request, "planner/page.html", context, status=status)


def _numbers(values: Mapping[str, str]) -> dict[str, str]:
    """What number fields should read, so that "2k" becomes "2,048" once it is left."""
    return {name: text for name, text in values.items() if FIELDS[name].control == "number"}


def context_of(services: Services, evaluation: Evaluation) -> dict[str, Any]:
    """The one context of the planner's template."""
    submission, shown, view = evaluation.submission, evaluation.shown, evaluation.shown.view
    context: dict[str, Any] = {
        "fields": FIELDS,
        "values": submission.values,
        "errors": submission.errors,
        "replaced": [f"{FIELDS[name].spoken} {shown.values[name]}" for name in evaluation.replaced],
        "options": options_of(services),
        "advanced_names": forms.ADVANCED,
        "advanced_changes": submission.advanced_changes,
        "view": view,
        "query": address(submission).removeprefix("/?"),
        "link": lambda strategy: address(shown, replace(view, strategy=strategy)),
        "scale_href": address(shown, replace(view, full_scale=not view.full_scale)),
        "fsdp1_href": address(shown, replace(view, fsdp1=not view.fsdp1)),
        "interactive": True,
        "result": evaluation.result,
        "answer": _answer(shown, evaluation.result),
        "scenario": None,
        "layers": None,
    }
    if shown.request is not None and evaluation.result is not None:
        job = services.resolver.job(shown.request)
        context["scenario"] = scenario_of(job.spec.name, job.hardware, shown.request)
        context["layers"] = len(job.spec.layers)
    return context


def _answer(shown: Submission, result: PlanResult | None) -> Answer | None:
    request = shown.request
    if result is None or request is None:
        return None

    def apply(patch: dict[str, Any]) -> str:
        job = forms.patched(request, shown.preferences, patch)
        return "/?" + forms.query(*job, View(full_scale=shown.view.full_scale))

    return answer_of(result, shown.view, apply)
