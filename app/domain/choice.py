"""Which of the strategies that fit to take: the cheapest in communication and complexity.

ZeRO and FSDP papers agree on the order: replicate when it fits, then shard the optimizer and the
gradients, then the parameters, then offload to the host, NVMe last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from app.domain.assessment import Assessment

Offload = Literal["none", "cpu", "nvme"]

_REACH: dict[Offload, int] = {"none": 0, "cpu": 1, "nvme": 2}
_BEST_VERDICT_FIRST = {"fits": 0, "tight": 1, "does_not_fit": 2, "unsupported": 3}


def allowed(outcomes: Iterable[Assessment], offload: Offload) -> list[Assessment]:
    """The possible strategies that offload no deeper than allowed."""
    reach = _REACH[offload]
    return [o for o in outcomes if o.judgement is not None and _REACH[o.strategy.offload] <= reach]


def preferred(outcomes: Iterable[Assessment]) -> Assessment | None:
    """The one to take: best verdict, then least complex, then most headroom.

    Where nothing fits, the one that misses by least. Strategies that the page folds away come after
    the others of their verdict.
    """
    return min((o for o in outcomes if o.judgement is not None), key=_rank, default=None)


def leanest(outcomes: Iterable[Assessment]) -> Assessment | None:
    """The one with the lowest peak."""
    return min((o for o in outcomes if o.usage is not None), key=peak_of, default=None)


def peak_of(outcome: Assessment) -> int:
    """The peak of a possible outcome in bytes; 0 for an impossible one."""
    return int(outcome.usage.peak) if outcome.usage is not None else 0


def _rank(outcome: Assessment) -> tuple[int, bool, int, int, int]:
    judgement = outcome.judgement
    if judgement is None:
        return (_BEST_VERDICT_FIRST["unsupported"], True, 0, 0, 0)
    strategy = outcome.strategy
    order = _BEST_VERDICT_FIRST[judgement.verdict]
    missing = -judgement.headroom if judgement.verdict == "does_not_fit" else 0
    return (order, not strategy.common, missing, strategy.complexity, -judgement.headroom)
