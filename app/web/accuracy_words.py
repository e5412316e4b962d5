"""Sentences that the accuracy page and docs/accuracy.md share."""

from __future__ import annotations

from app.domain.verdict import ASSUMED_BAND_PERCENT, DERIVED_BAND_PERCENT
from app.services.validated_region import AMOUNTS_BAND_PERCENT, KIND_BAND_PERCENTS, NEAR

_, ONE_KIND, SEVERAL_KINDS = KIND_BAND_PERCENTS

BAND_RULE = (
    f"Where runs like the job were measured, the band is ±{DERIVED_BAND_PERCENT} % of the "
    f"estimate. It is ±{AMOUNTS_BAND_PERCENT} % on a GPU of another architecture and where the "
    f"job is more than {NEAR} times as large, long or wide as any run; ±{ONE_KIND} % where no run "
    f"is like it in one other respect, and ±{SEVERAL_KINDS} % in several. An allocation in the "
    f"step that is assumed makes it ±{ASSUMED_BAND_PERCENT} %. It is never narrower than the "
    "errors that nine of ten runs kept to, of those with the same strategy, and of those with the "
    "same method on a like feed-forward block. What a race in DDP's first steps may add lies on "
    "top."
)

HELD_OUT = (
    "For each respect, runs that are alike in it are held out together, and get the band that the "
    "rule would have given them had nothing like them been measured. The engine stays as it is "
    "and was corrected after some of these runs: this tests the rule of the band, not how well "
    "the engine foresees."
)
