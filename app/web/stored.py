"""A saved plan as pages show it: the stored result, never computed again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from app.services.plans import Plan
from app.web import forms
from app.web.answer import answer_of
from app.web.forms import View
from app.web.scenario import scenario_of


def view_of(request: Request) -> View:
    """Which strategy and scale the address asks to see."""
    return forms.read(request.query_params.multi_items()).view


def stored_context(plan: Plan, view: View, path: str) -> dict[str, Any]:
    """What a page at `path` needs to draw a plan. Its links change the view, not the plan."""
    request, job, result = plan.request(), plan.job(), plan.result()

    def link(strategy: str) -> str:
        pairs = replace(view, strategy=strategy).pairs()
        return f"{path}?{urlencode(pairs)}#why-title"

    def address(changed: View) -> str:
        return f"{path}?{urlencode(changed.pairs())}#chart-title"

    return {
        "plan": plan,
        "scenario": scenario_of(job.model.name, job.hardware, request),
        "result": result,
        "answer": answer_of(result, view, lambda _patch: None),
        "view": view,
        "link": link,
        "scale_href": address(replace(view, full_scale=not view.full_scale)),
        "fsdp1_href": address(replace(view, fsdp1=not view.fsdp1)),
        "interactive": False,
    }
