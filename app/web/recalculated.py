"""A stored plan beside today's numbers, in words."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.errors import InvalidInput
from app.schemas.plans import RecalculatedValue, Recalculation
from app.services.container import Services
from app.services.plans import Plan
from app.web.numbers import NOTHING, dollars, gib, integer, signed_gib

_BETTER_WHEN_MORE = {"headroom_bytes", "usable_bytes", "max_micro_batch_size"}
_WORSE_WHEN_MORE = {
    "peak_bytes",
    "host_bytes",
    "nvme_bytes",
    "card_price_low_cents",
    "card_price_high_cents",
}


@dataclass(frozen=True)
class ValueRow:
    """One value; `tone` is better, worse or nothing, where neither is certain."""

    label: str
    stored: str
    today: str
    change: str
    tone: str
    why: str
    moved: bool


@dataclass(frozen=True)
class RecalculationView:
    """The panel; `error` says why today there is no answer."""

    sentence: str
    rows: tuple[ValueRow, ...] = ()
    error: str = ""


def recalculation_of(services: Services, plan: Plan) -> RecalculationView:
    """What the plan's inputs give today, beside what is stored."""
    try:
        found = services.plans.compared_with_today(plan)
    except InvalidInput as error:
        return RecalculationView("", error=" ".join(fault.detail for fault in error.errors))
    return RecalculationView(_sentence(found), tuple(_row(value) for value in found.values))


def _sentence(found: Recalculation) -> str:
    verdict = "The verdict has changed." if found.verdict_changed else "The verdict is unchanged."
    if not found.changed:
        return f"{verdict} Every number is what it was."
    moved = "One value has" if found.changed == 1 else f"{found.changed} values have"
    return f"{verdict} {moved} moved."


def _row(value: RecalculatedValue) -> ValueRow:
    return ValueRow(
        label=value.label,
        stored=_text(value, value.stored),
        today=_text(value, value.today),
        change=_change(value),
        tone=_tone(value),
        why=value.why,
        moved=value.stored != value.today,
    )


def _text(value: RecalculatedValue, number: int | str | None) -> str:
    if not isinstance(number, int):
        return number or NOTHING
    match value.unit:
        case "bytes":
            return f"{gib(number)} GiB"
        case "cents":
            return dollars(number, None)
        case _:
            return integer(number)


def _change(value: RecalculatedValue) -> str:
    if not value.change:
        return ""
    if value.unit == "bytes":
        return f"{signed_gib(value.change)} GiB"
    sign = "+" if value.change > 0 else "−"
    return sign + _text(value, abs(value.change))


def _tone(value: RecalculatedValue) -> str:
    if not value.change or value.name not in _BETTER_WHEN_MORE | _WORSE_WHEN_MORE:
        return ""
    return "better" if (value.change > 0) == (value.name in _BETTER_WHEN_MORE) else "worse"
