from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.domain.units import GIB
from app.schemas.estimates import Evidence
from app.web.answer import answer_of
from app.web.forms import View
from tests.web.results import component, estimate, fix, result, unsupported


def nowhere(_patch: dict[str, Any]) -> None:
    return None


def test_the_strategy_asked_for_comes_first_then_the_recommended_then_the_leanest() -> None:
    plan = result(
        estimate("zero1", weights=50), estimate("zero2", weights=40), estimate("zero3", weights=30),
        strategy="zero2",
    )  # fmt: skip
    assert answer_of(plan, View(strategy="zero1"), nowhere).selected == "zero1"
    assert answer_of(plan, View(), nowhere).selected == "zero2"
    assert answer_of(plan, View(strategy="nonsense"), nowhere).selected == "zero2"
    plan.headline.strategy = None
    assert answer_of(plan, View(), nowhere).selected == "zero3"


def test_choosing_a_folded_strategy_unfolds_it() -> None:
    plan = result(estimate("zero3", weights=30), estimate("fsdp1", weights=30))
    answer = answer_of(plan, View(strategy="fsdp1"), nowhere)
    assert [row.strategy for row in answer.phases] == ["zero3", "fsdp1"]


def test_at_most_three_fixes_are_shown_with_the_address_of_each_patch() -> None:
    plan = result(estimate("zero3", weights=30), fixes=[fix(change=str(n)) for n in range(5)])
    fixes = answer_of(plan, View(), lambda patch: f"/?{sorted(patch)}").fixes
    assert [row.change for row in fixes] == ["0", "1", "2"]
    assert fixes[0].href == "/?['training']"


@pytest.mark.parametrize(
    ("cost", "figure", "note"),
    [
        ("$0 no new hardware", "$0", "no new hardware"),
        ("$0, no new hardware", "$0", "no new hardware"),
        ("1,051 GiB of 1,536 GiB host memory", "1,051 GiB", "of 1,536 GiB host memory"),
        ("$96–110 k for 12 more cards", "$96–110 k", "for 12 more cards"),
        ("No public price", "No public price", ""),
    ],
)
def test_a_cost_is_parted_into_its_figure_and_its_words(cost: str, figure: str, note: str) -> None:
    plan = result(estimate("zero3", weights=30), fixes=[fix(cost=cost)])
    (row,) = answer_of(plan, View(), nowhere).fixes
    assert (row.cost, row.cost_note) == (figure, note)


def test_a_fix_that_is_only_close_says_by_how_much_it_is_over() -> None:
    close = fix(headroom_bytes=-3 * GIB, verdict="does_not_fit")
    (row,) = answer_of(result(estimate("zero3", weights=9), fixes=[close]), View(), nowhere).fixes
    assert (row.headroom, row.headroom_note) == ("3.0", "over, saves 1.0 GiB")
    assert row.word == "Does not fit"


@pytest.mark.parametrize(
    ("runs", "chip"),
    [
        (0, "Not measured"),
        (2, "Few measured runs: 2"),
        (12, "12 measured runs, mean error 1.2 %"),
    ],
)
def test_the_evidence_chip_never_claims_more_than_was_measured(runs: int, chip: str) -> None:
    plan = result(estimate("zero3", runs=runs, error=0.012, weights=9))
    plan.estimate.evidence = Evidence(runs, 0.012, [])
    answer = answer_of(plan, View(), nowhere)
    assert answer.why is not None
    assert answer.evidence_chip == answer.why.chip == chip
    assert answer.measured == (runs > 0)


def test_the_evidence_chip_tells_the_worst_run_where_it_is_known() -> None:
    plan = result(estimate("zero3", weights=9))
    plan.estimate.evidence = Evidence(12, 0.012, [], worst_error=-0.034)
    chip = answer_of(plan, View(), nowhere).evidence_chip
    assert chip == "12 measured runs, mean error 1.2 %, worst −3.40 %"


def test_the_arithmetic_names_every_component_with_its_source() -> None:
    plan = result(estimate("zero3", buffers=3, weights=30))
    plan.estimate.estimates[0].components.append(
        component("weights", 1, name="cuBLAS workspace", kind="fitted", source_url="javascript:x")
    )
    why = answer_of(plan, View(), nowhere).why
    assert why is not None
    assert [part.name for part in why.parts] == ["Weights", "cuBLAS workspace", "Buffers"]
    assert why.parts[0].source_url == "https://example.org/paper"
    assert why.parts[1].source_url == ""
    assert why.parts[1].kind == "fitted"
    assert why.phase == "backward pass"


def test_parts_that_are_alike_are_one_row_and_others_stay_apart() -> None:
    plan = result(estimate("zero3", weights=30))
    norms = [component("activations", 1.5, name="norm inputs", values=v) for v in "aba"]
    plan.estimate.estimates[0].components += norms
    why = answer_of(plan, View(), nowhere).why
    assert why is not None
    assert [(part.amount, part.values) for part in why.parts[1:]] == [
        ("3.0", "2 × (a)"),
        ("1.5", "b"),
    ]


def test_a_fix_names_its_strategy_and_its_catch() -> None:
    plan = result(estimate("zero3", weights=30), fixes=[fix()])
    row = answer_of(plan, View(), nowhere).fixes[0]
    assert row.detail == "FSDP2, full shard. Trains less."
    assert row.headroom_note == "headroom, saves 1.0 GiB"


def test_nvme_is_told_where_it_is_used() -> None:
    spilled = estimate("zero_infinity", weights=4)
    spilled.nvme_bytes = 700 * GIB
    rows = answer_of(result(estimate("zero3", weights=4), spilled), View(), nowhere).phases
    assert {row.strategy: row.nvme for row in rows} == {"zero3": "", "zero_infinity": "700"}


def test_a_job_that_nothing_can_train_says_why_once_and_draws_no_chart() -> None:
    reason = "DeepSpeed has no such optimizer."
    plan = result(unsupported("zero2", reason), unsupported("zero3", reason))
    answer = answer_of(plan, View(), nowhere)
    assert answer.chart is None
    assert answer.figure is None
    assert answer.reasons == (reason,)
    assert [row.reason for row in answer.phases] == ["", ""]
    plan.headline.detail = f"Sorry. {reason}"
    assert answer_of(plan, View(), nowhere).reasons == ()


def test_the_phase_that_sets_the_peak_is_marked() -> None:
    (row,) = answer_of(result(estimate("zero3", weights=40)), View(), nowhere).phases
    assert [peak for _, peak in row.cells] == [False, False, True, False, False]
    assert row.cells[2][0] == "40.0"
    assert row.headroom == "+40.0"


def test_an_unsupported_row_has_dashes_and_its_reason() -> None:
    plan = result(estimate("zero3", weights=4), unsupported("fsdp2_hybrid", "Needs 2 nodes."))
    row = answer_of(plan, View(), nowhere).phases[-1]
    assert {text for text, _ in row.cells} == {"–"}
    assert row.reason == "Needs 2 nodes."
    assert row.headroom == "–"


def test_a_strategy_with_room_that_still_does_not_run_says_why() -> None:
    short_of_host = estimate("zero3_offload", "does_not_fit", weights=4)
    short_of_host.notes = ["Needs 900 GiB of host memory."]
    row = answer_of(result(short_of_host), View(), nowhere).phases[0]
    assert row.reason == "Needs 900 GiB of host memory."
    assert row.tone == "enough"


def test_the_phones_bar_tells_the_figure_behind_the_verdict() -> None:
    plan = result(
        estimate("zero3", "does_not_fit", weights=100),
        estimate("zero3_offload", weights=9),
        verdict="does_not_fit",
        strategy="zero3_offload",
    )
    assert answer_of(plan, View(), nowhere).short == "20.0 GiB over"
    plan.headline.verdict = "fits"
    assert answer_of(plan, View(), nowhere).short == "71.0 GiB headroom"


def test_nvidia_smi_is_never_said_to_show_more_than_the_card_has(client: TestClient) -> None:
    query = "model=meta-llama/Llama-3.1-70B&gpu=h200-141-sxm&gpus_per_node=8&sequence_length=8192"
    full = client.get(f"/?{query}&strategy=fsdp1").text
    assert "the card has 139.8, so nvidia-smi will show it full" in full
    assert "nvidia-smi will show about" not in full
    assert "nvidia-smi will show about" in client.get(f"/?{query}&strategy=zero3_offload").text
