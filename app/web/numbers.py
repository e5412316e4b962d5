"""How numbers read on a page: bytes are rounded here and nowhere before."""

from __future__ import annotations

from app.domain.units import GB, GIB, MIB, ceil_div

MINUS = "−"
NOTHING = "–"


def gib(count: int) -> str:
    """Bytes as GiB without the unit: one decimal below 1,000, none above, thousands commas."""
    value = abs(count) / GIB
    text = f"{value:.1f}" if round(value, 1) < 1000 else f"{value:,.0f}"
    return MINUS + text if count < 0 and float(text.replace(",", "")) else text


def gb(count: int) -> str:
    """Bytes as GB (10^9), for sums of figures that others published in that unit."""
    return f"{count / GB:,.4g} GB"


def signed_gib(count: int) -> str:
    """Like `gib`, with "+" before what is not negative."""
    text = gib(count)
    return text if text.startswith(MINUS) else f"+{text}"


def signed_mib(count: int) -> str:
    """A difference in MiB without the unit, signed, with one decimal."""
    text = f"{abs(count) / MIB:,.1f}"
    return text if text == "0.0" else f"{MINUS if count < 0 else '+'}{text}"


def whole_gib(count: int) -> str:
    """Bytes as whole GiB that hold them: what host memory or a disk has to offer at least."""
    return f"{ceil_div(count, GIB):,}"


def integer(count: int) -> str:
    """A whole number with thousands commas."""
    return f"{count:,}"


def parameters(count: int) -> str:
    """A parameter count as people say it: 70.55 B, 207 M."""
    for unit, size, digits in (("T", 10**12, 2), ("B", 10**9, 2), ("M", 10**6, 0)):
        if count >= size:
            return f"{count / size:,.{digits}f} {unit}"
    return integer(count)


def percent(fraction: float) -> str:
    """A fraction as a percentage with one decimal: 0.0123 is "1.2 %", 0.0001 "under 0.1 %"."""
    text = f"{fraction * 100:.1f} %"
    return "under 0.1 %" if text == "0.0 %" else text


def signed_percent(fraction: float) -> str:
    """A signed fraction as a percentage with one decimal and its sign: "+1.2 %", "−0.3 %"."""
    text = f"{fraction * 100:+.1f} %".replace("-", MINUS)
    return "0.0 %" if text[1:] == "0.0 %" else text


def error(fraction: float) -> str:
    """A signed error: "+1.23 %", "−0.04 %", "−16.2 %", "0.00 %"."""
    size = f"{abs(fraction) * 100:.{1 if abs(fraction) >= 0.1 else 2}f} %"
    sign = MINUS if fraction < 0 else "+"
    return size if size == "0.00 %" else f"{sign}{size}"


def error_size(fraction: float) -> str:
    """An error without its sign, such as a mean of sizes: "0.35 %"."""
    return error(abs(fraction)).lstrip("+")


def dollars(low_cents: int | None, high_cents: int | None) -> str:
    """A price range in dollars: "$8,500", "$8,500–9,200", or that there is none."""
    texts = [f"{cents / 100:,.0f}" for cents in (low_cents, high_cents) if cents is not None]
    return f"${'–'.join(dict.fromkeys(texts))}" if texts else "No public price"
