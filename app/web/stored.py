"""A saved plan as pages show it: the stored result, never computed again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from app.domain.frameworks import FRAMEWORKS
from app.schemas.estimates import EstimateRequest, StrategyEstimate
from app.schemas.plans import PlannedJob
from app.services.plans import Plan
from app.web import forms
from app.web.answer import answer_of, shown_estimate
from app.web.configuration import FOLDER, configuration_view
from app.web.forms import View
from app.web.numbers import dollars
from app.web.scenario import (
    EXPANDABLE,
    hardware_name,
    hardware_price,
    launched_expandable,
    scenario_of,
)

_METHODS = {"full": "fully fine-tune", "lora": "train LoRA adapters of", "qlora": "train QLoRA of"}


def view_of(request: Request) -> View:
    """Which strategy and scale the address asks to see."""
    return forms.read(request.query_params.multi_items()).view


def stored_context(plan: Plan, view: View, path: str) -> dict[str, Any]:
    """What a page at `path` needs to draw a plan. Its links change the view, not the plan."""
    request, job, result = plan.request(), plan.job(), plan.result()
    shown = shown_estimate(result, view.strategy)
    files = plan.files(None if shown is None else shown.strategy)

    def link(strategy: str) -> str:
        pairs = replace(view, strategy=strategy).pairs()
        return f"{path}?{urlencode(pairs)}#why-title"

    def address(changed: View) -> str:
        return f"{path}?{urlencode(changed.pairs())}#chart-title"

    chosen = urlencode({"strategy": "" if shown is None else shown.strategy})
    scenario = scenario_of(job.model.name, job.hardware, request)
    return {
        "plan": plan,
        "scenario": scenario,
        "question": f"Can {hardware_name(job.hardware)} {_METHODS[request.training.method]} "
        f"{scenario.model}?",
        "result": result,
        "answer": answer_of(result, view, lambda _patch: None),
        "configuration": None
        if shown is None
        else configuration_view(shown, files, f"{path}{FOLDER}", chosen),
        "launch": _commands(next((f.content for f in files if f.format == "launch_command"), "")),
        "price": _price(job),
        "total": _total(job),
        "assumptions": _assumptions(job, request, shown),
        "view": view,
        "link": link,
        "scale_href": address(replace(view, full_scale=not view.full_scale)),
        "fsdp1_href": address(replace(view, fsdp1=not view.fsdp1)),
        "interactive": False,
        "path_of_plan": path,
    }


def _commands(script: str) -> str:
    """A script as paper needs it: without its comments."""
    return "\n".join(line for line in script.splitlines() if line and not line.startswith("#"))


def _price(job: PlannedJob) -> str:
    gpu, price = job.hardware.gpu, job.hardware.price
    text = dollars(gpu.price_low_cents, gpu.price_high_cents)
    return text if price is None else f"{text}, {price.kind}, {price.as_of}"


def _total(job: PlannedJob) -> tuple[str, str]:
    """What the machine costs, labelled; nothing to say of one card beside its own price."""
    label, found = hardware_price(job.hardware)
    return (label, dollars(*found)) if found and label != "Price per card" else ("", "")


def _assumptions(
    job: PlannedJob, request: EstimateRequest, shown: StrategyEstimate | None
) -> list[str]:
    """What the numbers rest on that is not an input of the job."""
    said = ["Memory only: how fast the job trains is not predicted."]
    if shown is not None:
        framework = FRAMEWORKS.get(shown.framework)
        if framework is not None:
            said.append(
                f"{framework.title} as {framework.package} {framework.measured_version} does it."
            )
        if not shown.evidence.measured_runs:
            said.append("Nothing like this job has been measured: it follows from the formulas.")
        said.extend(shown.evidence.outside)
        if launched_expandable(shown, request):
            said.append(EXPANDABLE)
    if job.hardware.price is not None:
        price = job.hardware.price
        said.append(
            f"Prices are for cards only, without server or tax: {price.source}, {price.as_of}."
        )
    return said
