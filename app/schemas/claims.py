"""`GET /api/v1/claims`: published figures, held against the engine's own answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from app.schemas.estimates import Group, Verdict

Judgement = Literal["holds", "holds_with_conditions", "does_not_hold", "not_comparable"]
Answer = Literal["yes", "partly", "no", "not_asked"]


@dataclass(slots=True)
class ClaimSource:
    """Who published it, where, and when: a day, a month or a year."""

    title: str
    by: str
    url: str
    published: str


@dataclass(slots=True)
class ClaimFigure:
    """A number of the quote.

    `bytes_per_parameter` is `bytes × ranks ÷ parameters`: which bytes per parameter would give it.
    Where the source gives the whole too, `share_of_whole_bytes` is what `whole_bytes ÷ ranks`
    comes to, and `adds_up` whether the figure is that, within rounding. `engine_bytes` is what the
    first setting really takes of it per GPU, null where nothing corresponds.
    """

    text: str
    bytes: int
    counts: str
    parameters: int
    ranks: int
    bytes_per_parameter: float
    whole_bytes: int | None
    share_of_whole_bytes: int | None
    adds_up: bool | None
    engine_bytes: int | None


@dataclass(slots=True)
class ClaimOutcome:
    """The engine's answer under one strategy, in bytes per GPU (`host`, `nvme`: per node).

    `bytes_by_group` sums to `peak_bytes` exactly. Numbers are null where the verdict is
    `unsupported`.
    """

    strategy: str
    title: str
    verdict: Verdict
    peak_bytes: int | None
    usable_bytes: int
    bytes_by_group: dict[Group, int]
    host_bytes: int | None
    nvme_bytes: int | None
    notes: list[str]


@dataclass(slots=True)
class ClaimSetting:
    """One reading of the claim. `request` can be posted to `/estimates` as it is.

    `answer` says whether the claim is true of it (`not_asked`: it is beside the claim), `result`
    why, with the numbers. `observed` is what a real run did, where one is known. A ratio is taken
    of `reference_request`.
    """

    label: str
    answer: Answer
    result: str
    observed: Literal["ran", "out_of_memory"] | None
    request: dict[str, Any]
    reference_request: dict[str, Any] | None
    outcomes: list[ClaimOutcome]


@dataclass(slots=True)
class Claim:
    """A published claim and what became of it.

    `judgement` follows from the settings: `holds` where all say yes, `does_not_hold` where all say
    no, `holds_with_conditions` between; `not_comparable` with the reason.
    """

    id: str
    topic: str
    title: str
    quote: str
    source: ClaimSource
    judgement: Judgement
    reason: str
    figures: list[ClaimFigure]
    settings: list[ClaimSetting]
    leaves_out: list[str]
    remarks: list[str]


@dataclass(slots=True)
class ClaimTopic:
    """Claims that are read together; `claims` are their ids."""

    id: str
    title: str
    about: str
    claims: list[str]


@dataclass(slots=True)
class ClaimList:
    """Every claim, judged by this version of the engine and the catalogue."""

    engine_version: str
    catalog_version: str
    topics: list[ClaimTopic]
    items: list[Claim]
