"""The files of one strategy, for a request: what `POST /configurations` and the page hand out."""

from __future__ import annotations

from app.domain.guidance import Trainer
from app.domain.strategies import STRATEGIES
from app.schemas.configurations import ConfigurationResponse
from app.schemas.estimates import EstimateRequest
from app.services.configurations import configurations
from app.services.estimating import Estimator
from app.services.pointers import moved_pointers


class Configurer:
    """Answers which files run a job under a strategy of the caller's choice."""

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator

    def configure(
        self, request: EstimateRequest, strategy: str, trainer: Trainer
    ) -> ConfigurationResponse:
        """The files for `strategy`; the request's own strategies are not asked for.

        Raises:
            InvalidInput: see `Estimator.resolve`; a strategy that is none is `/strategy`'s fault.
        """
        chosen = request.model_copy(update={"strategies": [strategy]})
        with moved_pointers({"/strategies/0": "/strategy"}):
            job, strategies = self._estimator.resolve(chosen)
        assessed = self._estimator.assess(job, strategies)
        (estimate,) = self._estimator.document(job, assessed).estimates
        return ConfigurationResponse(
            strategy=estimate.strategy,
            framework=estimate.framework,
            verdict=estimate.verdict,
            notes=estimate.notes,
            configs=configurations(job, STRATEGIES[strategy], estimate.verdict, trainer),
        )
