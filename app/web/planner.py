"""The planner: the whole job is in the address, the answer is one page or a part of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from app.domain.errors import InvalidInput
from app.domain.job import Job
from app.http.dependencies import ServicesDep
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import PlanResult
from app.services.container import Services
from app.web import forms
from app.web.answer import Answer, answer_of
from app.web.configuration import ConfigurationView, configuration_of
from app.web.fields import FIELDS
from app.web.forms import Submission, View
from app.web.options import options_of
from app.web.presets import PRESETS
from app.web.rendering import is_fragment_request, render, target_of
from app.web.saved import saved_hardware, saved_model
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
    submission, result = _plan(services, read_job(services, pairs))
    shown, errors = submission, submission.errors
    bad: tuple[str, ...] = ()
    # The domain speaks only once every text is readable: each round can find further bad fields.
    while result is None and (more := tuple(n for n in shown.errors if n and n not in bad)):
        bad += more
        shown, result = _plan(services, read_job(services, pairs, bad))
        errors = {**shown.errors, **errors}
    return Evaluation(replace(submission, errors=errors), shown, result, bad)


def read_job(
    services: Services, pairs: list[tuple[str, str]], leave_out: tuple[str, ...] = ()
) -> Submission:
    """Read a query; a sequence length that it leaves out is at most what the model takes."""
    submission = forms.read(pairs, leave_out)
    name = "sequence_length"
    if submission.request is None or (name in dict(pairs) and name not in leave_out):
        return submission
    limit = _longest(services, submission.request)
    if limit is None or limit >= submission.request.training.sequence_length:
        return submission
    return forms.read([*pairs, (name, str(limit))], set(leave_out) - {name})


def _longest(services: Services, request: EstimateRequest) -> int | None:
    """The longest sequence of a job's model in tokens; None where it has no end or is unknown."""
    choice = request.model
    try:
        if choice.profile is not None:
            return services.profiles.model_spec(choice.profile).max_position
        return services.catalog.model(choice.id or "").spec.max_position
    except InvalidInput:
        return None


def _plan(services: Services, submission: Submission) -> tuple[Submission, PlanResult | None]:
    if submission.request is None:
        return submission, None
    try:
        request, preferences = submission.request, submission.preferences
        return submission, services.recent_plans.plan(services.planner, request, preferences)
    except InvalidInput as error:
        return replace(submission, errors=forms.field_messages(error.errors)), None


def address(submission: Submission, view: View | None = None) -> str:
    """The planner's address for a job and a view of it."""
    if submission.request is None:
        return "/"
    chosen = submission.view if view is None else view
    return "/?" + "&".join(filter(None, (submission.job_query, urlencode(chosen.pairs()))))


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
    replaces = not submission.errors and _replaces_fields(submission, request.query_params)
    whole = replaces or target_of(request) == "planner"
    context = context_of(services, evaluation, fields=whole)
    if submission.errors:
        # The reader's last valid answer and its address stay; only the messages change.
        if not whole:
            context["kept"] = _last_valid(request, services, submission)
        return render(
            request,
            "planner/page.html",
            context,
            blocks=["planner", "status"] if whole else ["messages"],
            status=422,
            headers={} if whole else {"HX-Reswap": "none"},
        )
    here = address(submission)
    same = request.headers.get("HX-Current-URL", "").endswith(here)
    keeps = x_change == "typing" or same
    headers = {
        "HX-Replace-Url" if keeps else "HX-Push-Url": here,
        "HX-Trigger": json.dumps({"shardplan:values": {"values": _numbers(submission.values)}}),
    }
    if replaces:
        headers["HX-Retarget"] = "#planner"
    blocks = ["planner", "status"] if whole else ["answer", "updates", "status"]
    return render(request, "planner/page.html", context, blocks=blocks, headers=headers)


def page(request: Request, services: Services, evaluation: Evaluation) -> Response:
    """The whole page; 422 where a field is bad."""
    status = 422 if evaluation.submission.errors else 200
    context = context_of(services, evaluation)
    return render(request, "planner/page.html", context, status=status)


def _replaces_fields(submission: Submission, given: Mapping[str, str]) -> bool:
    """Whether a profile was chosen while the fields that it stands for were on screen."""
    return any(
        submission.values[f"{group}_profile"] and field in given
        for group, field in (("model", "model"), ("hardware", "gpu"))
    )


def _last_valid(request: Request, services: Services, submission: Submission) -> str:
    """What the bad fields said in the answer that stays, which is that of the page's address."""
    query = urlsplit(request.headers.get("HX-Current-URL", "")).query
    before = read_job(services, parse_qsl(query, keep_blank_values=True))
    if before.errors:
        return ""
    names = [name for name in submission.errors if name and before.values[name]]
    return ", ".join(FIELDS[name].with_value(before.values[name]) for name in names)


def _numbers(values: Mapping[str, str]) -> dict[str, str]:
    """What number fields should read, so that "2k" becomes "2,048" once it is left."""
    return {name: text for name, text in values.items() if FIELDS[name].control == "number"}


def context_of(
    services: Services, evaluation: Evaluation, *, fields: bool = True
) -> dict[str, Any]:
    """The one context of the planner's template. Without `fields`, of what an edit changes."""
    submission, shown, view = evaluation.submission, evaluation.shown, evaluation.shown.view
    saved = saved_hardware(services, submission, shown)
    context: dict[str, Any] = {
        "fields": FIELDS,
        "values": submission.values,
        "errors": submission.errors,
        "replaced": [
            f"{FIELDS[name].spoken} {shown.values[name]}"
            for name in evaluation.replaced
            if shown.values[name]
        ],
        "options": options_of(services) if fields else None,
        "presets": PRESETS,
        "saved_model": saved_model(services, submission, shown),
        "saved_hardware": saved,
        "advanced_names": [
            name for name in forms.ADVANCED if saved is None or name != "usable_memory_bytes"
        ],
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
        "configuration": None,
    }
    if shown.request is not None and evaluation.result is not None:
        job = services.resolver.job(shown.request)
        context["scenario"] = scenario_of(job.spec.name, job.hardware, shown.request)
        context["layers"] = len(job.spec.layers)
        context["configuration"] = _configuration(shown, job, evaluation.result, context["answer"])
    return context


def _configuration(
    shown: Submission, job: Job, result: PlanResult, answer: Answer
) -> ConfigurationView | None:
    """The files of the strategy that the answer opens on."""
    here = address(shown, replace(shown.view, strategy=answer.selected))
    trainer = shown.preferences.trainer
    return configuration_of(job, result.estimate, answer.selected, trainer, here.removeprefix("/?"))


def _answer(shown: Submission, result: PlanResult | None) -> Answer | None:
    request = shown.request
    if result is None or request is None:
        return None

    def apply(patch: dict[str, Any]) -> str:
        job = forms.patched(request, shown.preferences, patch)
        return "/?" + forms.query(*job, View(full_scale=shown.view.full_scale))

    return answer_of(result, shown.view, apply)
