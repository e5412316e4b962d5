"""Published claims, judged by the engine's own numbers.

The table of judgements is the product's word on each claim: a change of the engine that turns one
is seen here first. Everything else checks that the judgements follow from the numbers.
"""

from __future__ import annotations

import pytest

from app.catalog.claims import NotComparable, Runs, load_claims
from app.domain.units import GB
from app.schemas.claims import Answer, Claim, ClaimList, ClaimSetting
from app.schemas.estimates import EstimateRequest
from app.services.claims import JudgedClaims, judged
from app.services.estimating import Estimator

YES, SOME, NO, NONE = "holds", "holds_with_conditions", "does_not_hold", "not_comparable"
JUDGEMENTS = {
    "vendor-70b-ddp": YES,
    "vendor-70b-zero1": YES,
    "vendor-70b-zero2": NO,
    "vendor-70b-zero3": NO,
    "vendor-70b-zero3-8bit": NO,
    "vendor-zero1-ratio": SOME,
    "vendor-zero2-ratio": SOME,
    "vendor-hold-weights": SOME,
    "sixteen-bytes": SOME,
    "accelerate-4x": SOME,
    "gpt2-xl-32gb": SOME,
    "hf-llama31-8b": SOME,
    "hf-llama31-70b": NO,
    "qlora-65b-48gb": SOME,
    "answerai-70b-2x24gb": SOME,
    "zero-offload-13b": SOME,
    "zero-infinity-1t": SOME,
    "lora-3x": SOME,
    "hf-gpt2-xl-ddp": YES,
    "hf-llama2-70b-two-nodes": SOME,
    "hf-llama2-70b-one-node": SOME,
    "torchtune-8b-4090": NONE,
}
TABLE = ("vendor-70b-ddp", "vendor-70b-zero1", "vendor-70b-zero2", "vendor-70b-zero3")


@pytest.fixture(scope="module")
def document(estimator: Estimator) -> ClaimList:
    return JudgedClaims(load_claims(), estimator, "2026.11").document


@pytest.fixture(scope="module")
def claims(document: ClaimList) -> dict[str, Claim]:
    return {claim.id: claim for claim in document.items}


def best(setting: ClaimSetting) -> tuple[int, int]:
    """The lowest peak of a setting's strategies and what is usable, in bytes."""
    peaks = [found.peak_bytes for found in setting.outcomes if found.peak_bytes is not None]
    return min(peaks), setting.outcomes[0].usable_bytes


def test_every_claim_is_judged_as_we_say(claims: dict[str, Claim]) -> None:
    assert {id_: claim.judgement for id_, claim in claims.items()} == JUDGEMENTS


@pytest.mark.parametrize(
    ("answers", "judgement"),
    [
        (["yes", "yes"], YES),
        (["yes", "no"], SOME),
        (["partly", "partly"], SOME),
        (["no", "no"], NO),
        (["no", "not_asked"], NO),
        (["yes", "not_asked"], YES),
    ],
)
def test_a_judgement_follows_from_the_answers(answers: list[Answer], judgement: str) -> None:
    assert judged(Runs(kind="fits"), answers)[0] == judgement
    reason = "It is something else."
    assert judged(NotComparable(kind="not_comparable", reason=reason), answers) == (NONE, reason)


def test_components_sum_to_the_peak(document: ClaimList) -> None:
    for claim in document.items:
        for setting in claim.settings:
            for found in setting.outcomes:
                if found.peak_bytes is not None:
                    assert sum(found.bytes_by_group.values()) == found.peak_bytes


def test_every_request_is_an_estimate_request(document: ClaimList) -> None:
    for claim in document.items:
        for setting in claim.settings:
            EstimateRequest.model_validate(setting.request)
            if setting.reference_request is not None:
                EstimateRequest.model_validate(setting.reference_request)


def test_what_really_ran_or_did_not_agrees_with_the_engine(document: ClaimList) -> None:
    seen = set()
    for claim in document.items:
        for setting in claim.settings:
            peak, usable = best(setting)
            if setting.observed is not None:
                assert (peak <= usable) == (setting.observed == "ran"), setting.label
                seen.add((claim.id, setting.observed))
    assert ("vendor-70b-zero3", "out_of_memory") in seen
    assert {what for _, what in seen} == {"ran", "out_of_memory"}


def test_560_gb_are_8_bytes_a_parameter_and_a_quarter_of_them_is_140_gb(
    claims: dict[str, Claim],
) -> None:
    optimizer = {id_: claims[id_].figures[1] for id_ in TABLE}
    whole, first, second, third = optimizer.values()
    assert (whole.bytes, whole.bytes_per_parameter) == (560 * GB, 8.0)
    assert (first.bytes, first.bytes_per_parameter, first.adds_up) == (140 * GB, 8.0, True)
    for figure in (second, third):
        assert (figure.bytes, figure.bytes_per_parameter) == (35 * GB, 2.0)
        assert (figure.share_of_whole_bytes, figure.adds_up) == (140 * GB, False)


def test_the_8_bit_row_counts_half_of_two_8_bit_states(claims: dict[str, Claim]) -> None:
    figure = claims["vendor-70b-zero3-8bit"].figures[1]
    assert (figure.bytes, figure.bytes_per_parameter) == (17_500_000_000, 1.0)
    assert (figure.share_of_whole_bytes, figure.adds_up) == (35 * GB, False)


def test_the_table_leaves_out_more_than_it_counts(claims: dict[str, Claim]) -> None:
    for id_ in TABLE:
        claim = claims[id_]
        peak, _ = best(claim.settings[0])
        assert peak > 1.4 * sum(figure.bytes for figure in claim.figures), id_
        assert "gradients" in claim.leaves_out


@pytest.mark.parametrize("id_", [*TABLE, "vendor-70b-zero3-8bit"])
def test_no_row_of_the_table_fits_at_its_friendliest(id_: str, claims: dict[str, Claim]) -> None:
    as_quoted, friendliest = claims[id_].settings[:2]
    peak, usable = best(friendliest)
    assert usable < peak <= best(as_quoted)[0]
    assert usable < 96 * 2**30


def test_the_weights_of_a_70b_lie_on_four_cards_only_when_they_are_sharded(
    claims: dict[str, Claim],
) -> None:
    sharded, replicated = claims["vendor-hold-weights"].settings
    weights = [s.outcomes[0].bytes_by_group["weights"] for s in (sharded, replicated)]
    assert weights[1] == 2 * 70_553_706_496
    assert 4 * weights[0] == pytest.approx(weights[1], rel=1e-6)
    assert (sharded.answer, replicated.answer) == ("yes", "no")


def test_zero_divides_by_the_number_of_gpus_and_by_nothing_else(claims: dict[str, Claim]) -> None:
    results = [setting.result for setting in claims["vendor-zero1-ratio"].settings]
    assert [result.rpartition(": ")[2] for result in results] == [
        "4.0 times.",
        "2.7 times.",
        "8.0 times.",
    ]


def test_a_claim_that_is_not_comparable_is_asked_nothing(claims: dict[str, Claim]) -> None:
    claim = claims["torchtune-8b-4090"]
    assert {setting.answer for setting in claim.settings} == {"not_asked"}
    peak, _ = best(claim.settings[0])
    without_gradients = peak - claim.settings[0].outcomes[0].bytes_by_group["gradients"]
    assert without_gradients < claim.figures[0].bytes < peak


def test_a_component_that_is_not_there_is_refused(estimator: Estimator) -> None:
    plain = load_claims().model_dump()
    setting = plain["topics"][0]["claims"][5]["settings"][0]
    setting["measure"]["components"] = ("Optimiser states",)
    records = type(load_claims()).model_validate(plain)
    with pytest.raises(ValueError, match="Optimiser states"):
        _ = JudgedClaims(records, estimator, "2026.11").document
