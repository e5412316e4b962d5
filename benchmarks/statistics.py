"""Percentiles of measured times and the lines that report them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Times:
    """Durations in seconds, sorted on creation."""

    seconds: tuple[float, ...]

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        return cls(tuple(sorted(seconds)))

    def percentile(self, percent: float) -> float:
        """The smallest measured time, in milliseconds, that `percent` of all do not exceed."""
        rank = max(0, -(-len(self.seconds) * percent // 100) - 1)
        return self.seconds[int(rank)] * 1_000

    def __str__(self) -> str:
        return (
            f"p50 {self.percentile(50):8.3f} ms   p99 {self.percentile(99):8.3f} ms   "
            f"max {self.percentile(100):8.3f} ms"
        )


def report(name: str, result: str, aim: str | None = None, met: bool = True) -> None:
    """One line of the report; an aim says whether it was met."""
    verdict = "" if aim is None else f"   aim {aim}: {'met' if met else 'MISSED'}"
    print(f"{name:<34}{result}{verdict}", flush=True)
