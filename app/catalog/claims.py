"""Published memory figures that customers quote, and the jobs that they are about.

A record holds what was said, where and when, the jobs to ask the engine, and what the words assert
of each of them. It holds no judgement: that follows from the engine's answers.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from app.catalog.records import Count, Record, Text

Patch = dict[str, Any]
Day = Annotated[str, Field(pattern=r"^20\d\d(-\d\d){0,2}$")]
Url = Annotated[str, Field(pattern=r"^https://")]
Group = Literal[
    "weights", "gradients", "optimizer_states", "activations", "logits_and_loss", "buffers"
]
TOLERANCE_PERCENT = 10


class Source(Record):
    """Who published it, where, and when: a day, a month or a year, as well as the page says."""

    title: Text
    by: Text
    url: Url
    published: Day


class Measure(Record):
    """Which bytes of an estimate a figure is about: groups, single components, or the whole peak.

    Components are named by their labels and are meant at the peak, like groups.
    """

    groups: tuple[Group, ...] = ()
    components: tuple[Text, ...] = ()


class Figure(Record):
    """A number of the quote: `text` as it stands there, `bytes` what that is.

    `parameters` and `ranks` are what to divide by: it counts the share of one of `ranks` GPUs.
    `whole_bytes` is what the same source gives for all ranks together, so its share can be
    compared. `measure` says which of the engine's bytes it claims to be.
    """

    text: Text
    bytes: Count
    parameters: Count
    counts: Text
    ranks: Count = 1
    whole_bytes: Count | None = None
    measure: Measure | None = None


class Runs(Record):
    """It is said to run on this machine (`fits`), or not to (`does_not_fit`)."""

    kind: Literal["fits", "does_not_fit"]


class Amount(Record):
    """It is said to need so many bytes, or bytes per parameter of one rank's share."""

    kind: Literal["amount"]
    bytes: Count | None = None
    bytes_per_parameter: Count | None = None
    measure: Measure = Measure()
    tolerance_percent: Count = TOLERANCE_PERCENT


class Ratio(Record):
    """It is said to need so many times less than each setting's `reference`."""

    kind: Literal["ratio"]
    times: Count
    tolerance_percent: Count = TOLERANCE_PERCENT


class Holds(Record):
    """The GPU memory is said to hold this part of the job, whatever else the job needs."""

    kind: Literal["holds"]
    measure: Measure


class NotComparable(Record):
    """The quote is about something that the engine does not model; `reason` says what."""

    kind: Literal["not_comparable"]
    reason: Text


Assertion = Annotated[Runs | Amount | Ratio | Holds | NotComparable, Field(discriminator="kind")]


class Setting(Record):
    """One reading of the quote as a job: a patch of the claim's job.

    `observed` is what a real run did in this setting. A setting that does not count is beside the
    claim: another machine, say, on which the same was tried. For a ratio, `measure` is what is
    compared, and `reference` patches the setting into the job that it is compared with, where
    `reference_measure` counts (the same as `measure` if not given).
    """

    label: Text
    patch: Patch = Field(default_factory=dict)
    counts: bool = True
    observed: Literal["ran", "out_of_memory"] | None = None
    measure: Measure = Measure()
    reference: Patch | None = None
    reference_measure: Measure | None = None


class Claim(Record):
    """One published claim. `job` is an estimate request; each setting asks it its own way."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    title: Text
    quote: Annotated[str, Field(min_length=1, max_length=200)]
    source: Text
    asserts: Assertion
    job: Patch
    settings: Annotated[tuple[Setting, ...], Field(min_length=1)]
    figures: tuple[Figure, ...] = ()
    leaves_out: tuple[Text, ...] = ()
    remarks: tuple[Text, ...] = ()


class Topic(Record):
    """Claims that are read together."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    title: Text
    about: Text
    claims: tuple[Claim, ...]


class Claims(Record):
    sources: dict[str, Source]
    topics: tuple[Topic, ...]


_CLAIMS: TypeAdapter[Claims] = TypeAdapter(Claims)


@lru_cache(maxsize=1)
def load_claims() -> Claims:
    """Every claim, in the order in which the page shows them."""
    return _CLAIMS.validate_json((files("app.catalog") / "data" / "claims.json").read_bytes())
