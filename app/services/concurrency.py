"""Optimistic concurrency: which versions of an object a change may start from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IfMatch:
    """The versions that the caller has seen; None stands for whichever is current."""

    versions: frozenset[int] | None
