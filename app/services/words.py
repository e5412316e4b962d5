"""Numbers inside sentences: memory in GiB, traffic in GB, times as what they are at least."""

from __future__ import annotations

from math import floor, log10

from app.domain.units import GB, GIB, ceil_div

_MB = 10**6


def gib(size: int) -> str:
    """Computed memory, one decimal below 1,000 and none above: 47.3 GiB or 1,314 GiB."""
    amount = size / GIB
    return f"{amount:,.1f} GiB" if round(amount, 1) < 1_000 else f"{amount:,.0f} GiB"


def whole_gib(size: int) -> str:
    """Memory of a whole node, in GiB that hold it: 1,051 GiB."""
    return f"{ceil_div(size, GIB):,} GiB"


def traffic(size: int) -> str:
    """Bytes on their way, in decimal units as links are rated: 282 GB, 1.4 GB or 21 MB."""
    if size < GB:
        return f"{max(size / _MB, 1):,.0f} MB" if size else "0 MB"
    amount = size / GB
    return f"{amount:,.0f} GB" if amount >= 100 else f"{amount:,.1f} GB"


def at_least(seconds: float) -> str:
    """A floor of a time to two figures, rounded down: at least 1.6 s."""
    if seconds < 0.001:
        return "less than a millisecond"
    unit, value = ("s", seconds) if seconds >= 0.1 else ("ms", seconds * 1_000)
    step = 10.0 ** (floor(log10(value)) - 1)
    rounded = floor(value / step) * step
    places = 0 if step >= 1 else 1 if step >= 0.1 else 2
    return f"at least {rounded:,.{places}f} {unit}"


def listed(names: list[str]) -> str:
    """A, B and C."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
