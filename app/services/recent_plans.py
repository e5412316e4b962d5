"""Plans that were just made: a page asks for the same one for every view of it."""

from __future__ import annotations

from threading import Lock

from app.schemas.estimates import EstimateRequest
from app.schemas.planning import PlanResult, Preferences
from app.services.planning import Planner

KEPT = 32


class RecentPlans:
    """The last plans of catalogue models on catalogue hardware, for every workspace.

    What a plan says follows from its request alone, unless that names something saved, which can
    change: then it is made anew.
    """

    def __init__(self) -> None:
        self._plans: dict[tuple[str, str], PlanResult] = {}
        self._lock = Lock()

    def plan(
        self, planner: Planner, request: EstimateRequest, preferences: Preferences
    ) -> PlanResult:
        """What `planner` answers; raises what it raises. The answer is shared: do not change it."""
        if request.model.id is None or request.hardware.profile:
            return planner.plan(request, preferences)
        key = (request.model_dump_json(), preferences.model_dump_json())
        with self._lock:
            known = self._plans.get(key)
        result = known or planner.plan(request, preferences)
        with self._lock:
            self._plans.pop(key, None)
            self._plans[key] = result  # the last one asked for is the last to go
            if len(self._plans) > KEPT:
                del self._plans[next(iter(self._plans))]
        return result
