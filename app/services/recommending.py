"""The recommendation: the plan's answer as the contract's document, with files that run."""

from __future__ import annotations

from app.domain.version import ENGINE_VERSION
from app.schemas.configurations import Configuration
from app.schemas.planning import Preferences
from app.schemas.recommendations import Recommendation, RecommendationRequest
from app.services.configurations import configurations
from app.services.planning import Answer, Planner


class Recommender:
    """Answers what to run a job with."""

    def __init__(self, planner: Planner, catalog_version: str) -> None:
        self._planner = planner
        self._catalog_version = catalog_version

    def recommend(self, request: RecommendationRequest) -> Recommendation:
        """Recommend a framework and a strategy.

        Raises:
            InvalidInput: see `Planner.answer`.
        """
        answer = self._planner.answer(request, request.preferences)
        advice, found = answer.advice, answer.found
        return Recommendation(
            engine_version=ENGINE_VERSION,
            catalog_version=self._catalog_version,
            framework=advice.framework,
            strategy=advice.strategy,
            verdict=answer.headline.verdict,
            headline=answer.headline.title,
            detail=answer.headline.detail,
            reasons=advice.reasons,
            alternatives=advice.alternatives,
            rules=advice.rules,
            swings=advice.swings,
            traffic=advice.traffic,
            changes_to_fit=found.fixes,
            nearest_miss=found.nearest,
            configs=_files(answer, request.preferences),
        )


def _files(answer: Answer, preferences: Preferences) -> list[Configuration]:
    """The recommended strategy's files; none where nothing runs."""
    best = answer.choice.best
    if best is None or best.judgement is None or answer.advice.strategy is None:
        return []
    verdict = best.judgement.verdict
    return configurations(answer.job, best.strategy, verdict, preferences.trainer)
