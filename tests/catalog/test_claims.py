"""The claims' records: complete, short in what they quote, and refused when they are misspelt."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from app.catalog.claims import Claims, load_claims

CLAIMS = [claim for topic in load_claims().topics for claim in topic.claims]


def test_every_claim_has_its_own_id_and_a_source_and_every_source_a_claim() -> None:
    ids = [claim.id for claim in CLAIMS] + [topic.id for topic in load_claims().topics]
    assert len(set(ids)) == len(ids)
    assert {claim.source for claim in CLAIMS} == load_claims().sources.keys()


def test_quotes_are_short_and_each_stands_once() -> None:
    assert max(len(claim.quote) for claim in CLAIMS) <= 160
    assert len({claim.quote for claim in CLAIMS}) == len(CLAIMS)


def test_a_record_holds_no_judgement_and_no_unknown_field() -> None:
    plain = json.loads(load_claims().model_dump_json())
    plain["topics"][0]["claims"][0]["judgement"] = "holds"
    with pytest.raises(ValidationError, match="judgement"):
        Claims.model_validate_json(json.dumps(plain))


def test_a_ratio_names_what_it_is_a_ratio_of_and_nothing_else_does() -> None:
    for claim in CLAIMS:
        for setting in claim.settings:
            assert (setting.reference is not None) == (claim.asserts.kind == "ratio"), claim.id
