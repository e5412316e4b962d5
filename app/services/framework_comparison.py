"""The frameworks side by side: the records as a document, and one job estimated under each."""

from __future__ import annotations

from functools import lru_cache

from app.catalog.framework_comparison import load_framework_comparison
from app.domain.frameworks import FRAMEWORKS
from app.domain.strategies import STRATEGIES
from app.schemas.estimates import EstimateRequest, EstimateResponse
from app.schemas.framework_comparison import (
    Comparison,
    ComparisonAspect,
    ComparisonCell,
    ComparisonGap,
    ComparisonQuestion,
    ComparisonSource,
)
from app.services.estimating import Estimator

# Large enough that strategies differ, small enough that some need no sharding of the weights.
EXAMPLE = EstimateRequest.model_validate(
    {
        "model": {"id": "meta-llama/Llama-3.1-8B"},
        "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 8},
        "strategies": [s.id for s in STRATEGIES.values() if s.common and s.offload == "none"],
    }
)


@lru_cache(maxsize=1)
def framework_comparison() -> Comparison:
    """Aspects in the records' order, their cells in the frameworks' order."""
    found = load_framework_comparison()
    return Comparison(
        aspects=[
            ComparisonAspect(
                aspect.id,
                aspect.title,
                [
                    ComparisonCell(id_, aspect.cells[id_].short, aspect.cells[id_].text)
                    for id_ in FRAMEWORKS
                ],
                list(aspect.sources),
            )
            for aspect in found.aspects
        ],
        questions=[
            ComparisonQuestion(q.id, q.question, q.answer, list(q.sources)) for q in found.questions
        ],
        gaps=[
            ComparisonGap(gap.id, gap.title, gap.text, gap.instead, list(gap.sources))
            for gap in found.gaps
        ],
        sources=[
            ComparisonSource(id_, source.title, source.by, source.url, source.published)
            for id_, source in found.sources.items()
        ],
    )


def example_estimate(estimator: Estimator) -> EstimateResponse:
    """One job under every strategy that stays on the GPU: what the words come to in bytes."""
    return estimator.estimate(EXAMPLE)
