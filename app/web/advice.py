"""The advice as a page shows it: why, why not the others, the rules that fired, what moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.domain.frameworks import FRAMEWORKS
from app.schemas.estimates import Verdict
from app.schemas.planning import Advice, Alternative, FiredRule, Reason, Stream
from app.web.bars import VERDICT_WORDS
from app.web.numbers import gb

# Alternatives that are shown before the rest is folded away.
SHOWN = 4
_ROUTES = {
    "network": "each GPU to the others",
    "pcie_to_gpu": "host to each GPU",
    "pcie_to_host": "each GPU to its host",
    "nvme_read": "NVMe to its node",
    "nvme_write": "node to its NVMe",
}
_EFFECTS = {
    "decides": "decides",
    "agrees": "agrees",
    "overruled": "overruled",
    "no_effect": "no effect",
}


@dataclass(frozen=True)
class Said:
    """A sentence with where it comes from; `address` is empty for this job's own numbers."""

    text: str
    source: str
    address: str


@dataclass(frozen=True)
class RuleRow:
    """A rule that applies, what it does here, and where it is written."""

    said: Said
    effect: str
    explanation: str


@dataclass(frozen=True)
class NotTaken:
    """A strategy that is not recommended, and why."""

    title: str
    verdict: Verdict
    word: str
    why_not: str


@dataclass(frozen=True)
class SwingRow:
    """A preference that would change the advice, with the address where it does."""

    preference: str
    title: str
    href: str | None


@dataclass(frozen=True)
class StreamRow:
    """Bytes that a step moves, with their arithmetic."""

    name: str
    route: str
    amount: str
    formula: str
    values: str
    said: Said


@dataclass(frozen=True)
class AdviceView:
    """The panel under the chart. `rules` decide; `other_rules` apply without deciding."""

    heading: str
    reasons: tuple[Said, ...]
    why_not: tuple[NotTaken, ...]
    others: tuple[NotTaken, ...]
    rules: tuple[RuleRow, ...]
    other_rules: tuple[RuleRow, ...]
    swings: tuple[SwingRow, ...]
    streams: tuple[StreamRow, ...]


def advice_of(
    advice: Advice | None, apply: Callable[[dict[str, Any]], str | None]
) -> AdviceView | None:
    """The view of the advice; None for a plan that was saved without any."""
    if advice is None:
        return None
    others = [_not_taken(alternative) for alternative in advice.alternatives]
    streams = [] if advice.traffic is None else advice.traffic.streams
    return AdviceView(
        heading=_heading(advice),
        reasons=tuple(_said(reason) for reason in advice.reasons),
        why_not=tuple(others[:SHOWN]),
        others=tuple(others[SHOWN:]),
        rules=tuple(_rule(rule) for rule in advice.rules if rule.effect == "decides"),
        other_rules=tuple(_rule(rule) for rule in advice.rules if rule.effect != "decides"),
        swings=tuple(
            SwingRow(swing.preference, swing.title, apply(swing.patch)) for swing in advice.swings
        ),
        streams=tuple(_stream(stream) for stream in streams),
    )


def _heading(advice: Advice) -> str:
    framework = FRAMEWORKS.get(advice.framework)
    if framework is None:
        return "Why nothing that is allowed fits" if _would_fit(advice) else "Why nothing fits"
    return f"Recommended: {advice.title} ({framework.title})"


def _would_fit(advice: Advice) -> bool:
    return any(alternative.verdict == "fits" for alternative in advice.alternatives)


def _said(reason: Reason) -> Said:
    return _cited(reason.text, reason.source, reason.source_url)


def _cited(text: str, source: str, address: str) -> Said:
    return Said(text, source, address if address.startswith("https://") else "")


def _rule(rule: FiredRule) -> RuleRow:
    said = _cited(rule.text, rule.source, rule.source_url)
    return RuleRow(said, _EFFECTS[rule.effect], rule.explanation)


def _not_taken(alternative: Alternative) -> NotTaken:
    word = VERDICT_WORDS[alternative.verdict]
    return NotTaken(alternative.title, alternative.verdict, word, alternative.why_not)


def _stream(stream: Stream) -> StreamRow:
    return StreamRow(
        name=stream.name,
        route=_ROUTES[stream.route],
        amount=gb(stream.bytes),
        formula=stream.formula,
        values=stream.values,
        said=_cited(stream.name, stream.source, stream.source_url),
    )
