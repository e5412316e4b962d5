from __future__ import annotations

from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Preferences
from app.services.planning import Planner
from app.services.recent_plans import KEPT, RecentPlans

JOB = {"model": {"id": "meta-llama/Llama-3.2-1B"}, "hardware": {"gpu": "h100-80-sxm"}}


def asked(planner: Planner, recent: RecentPlans, length: int, offload: str = "none") -> object:
    document = {**JOB, "training": {"sequence_length": length}, "strategies": ["ddp"]}
    wishes = Preferences.model_validate({"offload": offload})
    return recent.plan(planner, EstimateRequest.model_validate(document), wishes)


def test_the_same_request_is_planned_once(planner: Planner) -> None:
    recent = RecentPlans()
    first = asked(planner, recent, 1_024)
    assert asked(planner, recent, 1_024) is first
    assert asked(planner, recent, 1_025) is not first
    assert asked(planner, recent, 1_024, "cpu") is not first


def test_what_was_not_asked_for_longest_is_forgotten_first(planner: Planner) -> None:
    recent = RecentPlans()
    first, second = asked(planner, recent, 1), asked(planner, recent, 2)
    for length in range(3, KEPT + 1):
        asked(planner, recent, length)
    assert asked(planner, recent, 1) is first
    asked(planner, recent, KEPT + 1)
    assert asked(planner, recent, 1) is first
    assert asked(planner, recent, 2) is not second
