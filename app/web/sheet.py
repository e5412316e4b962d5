"""One job with its result, as comparisons and exports take it: computed now or stored in a plan.

A stored result is read as it was saved and never computed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.schemas.estimates import EstimateRequest, StrategyEstimate
from app.schemas.planning import PlanResult, Preferences
from app.services.behind import estimate_behind
from app.services.container import Services
from app.services.plans import Plan
from app.web import forms
from app.web.answer import shown_estimate
from app.web.forms import View
from app.web.planner import Evaluation
from app.web.scenario import Machine, Scenario, hardware_price, scenario_of


@dataclass(frozen=True)
class Stored:
    """The plan that a result was read from."""

    id: str
    version: int
    name: str
    computed: datetime


@dataclass(frozen=True)
class Sheet:
    """A job, its result, and the strategy that is looked at; `stored` is None for a what-if.

    Where nobody chose a strategy, it is the one behind the verdict.

    `query` is the planner's query for the job, "" where no address can hold it (a pasted config).
    `price_cents` is what its owner says the system costs, else what the cards cost, lowest and
    highest; None where nobody says.
    """

    request: EstimateRequest
    preferences: Preferences
    model: str
    machine: Machine
    result: PlanResult
    estimate: StrategyEstimate | None
    stored: Stored | None
    query: str

    @property
    def scenario(self) -> Scenario:
        """The job in words."""
        return scenario_of(self.model, self.machine, self.request)

    @property
    def title(self) -> str:
        """The plan's name, or for a what-if what it is about."""
        return self.scenario.name if self.stored is None else self.stored.name

    @property
    def gpus(self) -> int:
        return self.machine.gpus_per_node * self.machine.nodes

    @property
    def price_cents(self) -> tuple[int, int] | None:
        return hardware_price(self.machine)[1]


def live_sheet(services: Services, evaluation: Evaluation) -> Sheet | None:
    """The sheet of a planner's query; None where a field is bad."""
    submission, result = evaluation.submission, evaluation.result
    if submission.request is None or submission.errors or result is None:
        return None
    job = services.resolver.job(submission.request)
    estimate = _estimate(result, submission.preferences, submission.view.strategy)
    return Sheet(
        request=submission.request,
        preferences=submission.preferences,
        model=job.spec.name,
        machine=job.hardware,
        result=result,
        estimate=estimate,
        stored=None,
        query=_query(submission.request, submission.preferences, submission.view.strategy),
    )


def stored_sheet(plan: Plan, strategy: str | None = None) -> Sheet:
    """The sheet of a saved plan, with its stored numbers."""
    request, preferences, job, result = (
        plan.request(),
        plan.preferences(),
        plan.job(),
        plan.result(),
    )
    return Sheet(
        request=request,
        preferences=preferences,
        model=job.model.name,
        machine=job.hardware,
        result=result,
        estimate=_estimate(result, preferences, strategy),
        stored=Stored(plan.id, plan.version, plan.name, plan.updated_at),
        query="" if request.model.config else _query(request, preferences, strategy),
    )


def _estimate(
    result: PlanResult, preferences: Preferences, strategy: str | None
) -> StrategyEstimate | None:
    if strategy is not None:
        return shown_estimate(result, strategy)
    return estimate_behind(result, preferences.offload)


def _query(request: EstimateRequest, preferences: Preferences, strategy: str | None) -> str:
    return forms.query(request, preferences, View(strategy=strategy))
