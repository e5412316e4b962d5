"""Around the planner's answer: what each setting changes, and what batch fits how long a sequence.

Each is a page of its own, and the fragment that the planner opens in place. A third page shows the
job as calls of the API.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.http.dependencies import ServicesDep
from app.services.container import Services
from app.web import forms
from app.web.answer import shown_estimate
from app.web.calls import calls_of
from app.web.forms import View
from app.web.neighbourhood import Apply, effects_view, grid_view
from app.web.planner import Evaluation, address, evaluate
from app.web.rendering import is_fragment_request, render
from app.web.scenario import scenario_of

router = APIRouter(prefix="/explore", include_in_schema=False)


@router.get("/settings")
def settings(request: Request, services: ServicesDep) -> Response:
    """The job with one setting changed at a time: bytes saved or added, and the verdict."""
    return _page(request, services, "settings")


@router.get("/batch")
def batch(request: Request, services: ServicesDep) -> Response:
    """Micro-batch against sequence length, with the edge of what fits."""
    return _page(request, services, "batch")


@router.get("/call")
def call(request: Request, services: ServicesDep) -> Response:
    """The job as calls of the API, to copy."""
    shown = evaluate(services, request.query_params.multi_items()).shown
    if shown.request is None:
        return _back(request)
    job = services.resolver.job(shown.request)
    context = {
        "scenario": scenario_of(job.spec.name, job.hardware, shown.request),
        "back_href": address(shown),
        "calls": calls_of(shown.request, shown.preferences, str(request.base_url).rstrip("/")),
    }
    return render(request, "explore/call.html", context)


def _page(request: Request, services: Services, kind: str) -> Response:
    evaluation = evaluate(services, request.query_params.multi_items())
    shown = evaluation.shown
    if shown.request is None or evaluation.result is None or evaluation.submission.errors:
        return _back(request)
    selected = shown_estimate(evaluation.result, shown.view.strategy)
    job = services.resolver.job(shown.request)
    context: dict[str, Any] = {
        "kind": kind,
        "scenario": scenario_of(job.spec.name, job.hardware, shown.request),
        "back_href": address(shown),
        "effects": None,
        "grid": None,
        "result": evaluation.result,
    }
    if selected is not None and kind == "settings":
        found = services.explorer.sensitivity(shown.request, selected.strategy)
        if found is not None:
            context["effects"] = effects_view(found, dict(shown.values), _apply(evaluation))
    elif selected is not None:
        edge = services.explorer.edge(shown.request, selected.strategy)
        if edge is not None:
            training = job.training
            context["grid"] = grid_view(
                edge, training.micro_batch_size, training.sequence_length, _apply(evaluation)
            )
    inline = context["inline"] = is_fragment_request(request)
    blocks = ["panel"] if inline else []
    return render(request, "explore/page.html", context, blocks=blocks)


def _back(request: Request) -> Response:
    """A job without an answer: the planner says why; a fragment keeps what it shows."""
    if is_fragment_request(request):
        return Response(status_code=204)
    return RedirectResponse(f"/?{request.url.query}", status_code=303)


def _apply(evaluation: Evaluation) -> Apply:
    """Addresses of the planner with a patch of the job that is shown, its strategy kept."""
    shown = evaluation.shown
    request, preferences = shown.request, shown.preferences
    view = View(strategy=shown.view.strategy, full_scale=shown.view.full_scale)

    def apply(patch: dict[str, Any]) -> str:
        if request is None:
            return "/"
        return "/?" + forms.query(*forms.patched(request, preferences, patch), view)

    return apply
