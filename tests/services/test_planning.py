"""The plan answers in one line, and every change that it offers keeps what it promises."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import pytest

from app.domain.errors import InvalidInput
from app.domain.strategies import STRATEGIES
from app.domain.units import GIB
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import PLAN_RESULT, PlanResult, Preferences
from app.services.planning import Planner
from tests.factories import Json, merged

# The worked example: a 70B model, fully fine-tuned on four workstation cards.
WORKED: Json = {
    "model": {"id": "meta-llama/Llama-3.1-70B"},
    "hardware": {
        "gpu": "rtxpro6000-ws",
        "gpus_per_node": 4,
        "nodes": 1,
        "host_memory_gib": 1536,
        "nvme_gib": 4000,
    },
    "training": {"sequence_length": 2048, "micro_batch_size": 1},
}
H100: Json = {"gpu": "h100-80-sxm", "gpus_per_node": 8}
NEEDY: dict[str, Json] = {
    "worked example": WORKED,
    "one strategy": {
        "model": {"id": "meta-llama/Llama-3.1-8B"},
        "hardware": H100,
        "training": {"micro_batch_size": 4},
        "strategies": ["ddp"],
    },
    "long sequence": {
        "model": {"id": "meta-llama/Llama-3.2-1B"},
        "hardware": {"gpu": "h100-80-sxm"},
        "training": {
            "activation_checkpointing": False,
            "micro_batch_size": 8,
            "sequence_length": 8192,
        },
    },
    "eager attention": {
        "model": {"id": "meta-llama/Llama-3.1-8B"},
        "hardware": H100,
        "training": {"attention": "eager", "sequence_length": 16384},
    },
    "too many parameters": {
        "model": {"id": "meta-llama/Llama-3.1-405B"},
        "hardware": {**H100, "nodes": 2},
    },
    "adapters": {
        "model": {"id": "meta-llama/Llama-3.1-70B"},
        "hardware": {"gpu": "h100-80-sxm"},
        "training": {"method": "lora"},
    },
}
SINGLE_GPU: Json = {
    "model": {"id": "meta-llama/Llama-3.2-1B"},
    "hardware": {"gpu": "h100-80-sxm"},
    "strategies": ["ddp"],
}
SHOWN = {s.id for s in STRATEGIES.values() if s.common and s.offload == "none"}
Offload = Literal["none", "cpu", "nvme"]


def plan(planner: Planner, body: Json, offload: Offload = "none") -> PlanResult:
    return planner.plan(EstimateRequest.model_validate(body), Preferences(offload=offload))


@pytest.mark.parametrize("offload", ["none", "cpu", "nvme"])
@pytest.mark.parametrize("case", NEEDY)
def test_every_offered_change_keeps_its_promise_when_it_is_made(
    planner: Planner, case: str, offload: Offload
) -> None:
    body = NEEDY[case]
    for fix in plan(planner, body, offload).fixes:
        patched = merged({**body, "preferences": {"offload": offload}}, fix.patch)
        wishes = patched.pop("preferences")
        after = plan(planner, patched, wishes["offload"])
        assert after.advice is not None
        (chosen,) = (e for e in after.estimate.estimates if e.strategy == fix.strategy)
        assert fix.verdict == "fits"
        assert after.headline.verdict == fix.verdict == chosen.verdict
        assert after.headline.strategy == after.advice.strategy == fix.strategy
        assert chosen.title == fix.strategy_title
        assert chosen.headroom_bytes == fix.headroom_bytes >= 0
        assert after.fixes == []


def test_the_cases_are_worth_testing(planner: Planner) -> None:
    assert all(plan(planner, body).headline.verdict != "fits" for body in NEEDY.values())
    assert sum(len(plan(planner, body).fixes) for body in NEEDY.values()) >= 10


def test_the_worked_example_does_not_fit_without_offload(planner: Planner) -> None:
    found = plan(planner, WORKED)
    headline = found.headline
    assert headline.verdict == "does_not_fit"
    assert headline.title.startswith("Does not fit in GPU memory. Cheapest fix: LoRA, with ")
    assert headline.detail.endswith("Four changes make it fit:")
    usable = found.estimate.capacity.usable_bytes / GIB
    assert f"; {usable:,.1f} GiB is usable." in headline.detail
    changes = [fix.change for fix in found.fixes]
    assert changes == [
        "Switch to LoRA, rank 16, all linear layers",
        "Allow offload to host memory",
        "Switch to QLoRA, rank 16",
        "Grow to 16 GPUs (4 nodes)",
    ]
    costs = [fix.cost for fix in found.fixes]
    assert costs[0] == costs[2] == "$0, no new hardware"
    assert costs[1].endswith("of 1,536 GiB host memory")
    assert costs[3].endswith("for 12 more cards")


def test_a_change_says_in_numbers_of_this_job_what_it_means(planner: Planner) -> None:
    lora, offload, *_ = plan(planner, WORKED).fixes
    assert lora.detail.startswith("Trains 207 M of 70.55 B parameters.")
    assert re.search(r"[\d,.]+ GB cross PCIe on each GPU in every step: at least", offload.detail)


def test_the_headline_names_the_least_that_is_needed(planner: Planner) -> None:
    found = plan(planner, WORKED)
    peaks = {
        e.title: e.peak.allocated_bytes
        for e in found.estimate.estimates
        if e.peak is not None and "CPU" not in e.title and "NVMe" not in e.title
    }
    leanest = min(peaks, key=lambda title: peaks[title])
    assert f"at least {peaks[leanest] / GIB:,.1f} GiB on each GPU ({leanest})" in (
        found.headline.detail
    )


def test_the_page_opens_on_a_strategy_that_fits_once_offload_is_allowed(planner: Planner) -> None:
    found = plan(planner, WORKED)
    (opened,) = (e for e in found.estimate.estimates if e.strategy == found.headline.strategy)
    assert opened.verdict == "fits"


def test_what_a_change_saves_is_the_difference_of_the_peaks(planner: Planner) -> None:
    found = plan(planner, WORKED)
    before = min(
        e.peak.allocated_bytes
        for e in found.estimate.estimates
        if e.peak is not None and e.strategy in SHOWN
    )
    usable = found.estimate.capacity.usable_bytes
    for fix in found.fixes[:3]:
        assert fix.saves_bytes == before - (usable - fix.headroom_bytes) > 0


def test_a_change_that_gives_room_instead_of_saving_memory_saves_nothing(planner: Planner) -> None:
    (estimate,) = plan(planner, SINGLE_GPU).estimate.estimates
    assert estimate.peak is not None
    usable = estimate.peak.allocated_bytes * 105 // 100
    found = plan(planner, merged(SINGLE_GPU, {"hardware": {"usable_memory_bytes": usable}}))
    assert found.fixes[0].change == "Set expandable_segments:True"
    assert found.fixes[0].saves_bytes == 0


@pytest.mark.parametrize("training", [{}, {"method": "lora"}])
def test_a_job_that_fits_has_a_headroom_and_no_changes(planner: Planner, training: Json) -> None:
    body = {"model": {"id": "meta-llama/Llama-3.2-1B"}, "hardware": H100, "training": training}
    found = plan(planner, body)
    assert found.headline.verdict == "fits"
    assert found.headline.title.startswith("Fits with DDP: ")
    assert found.headline.title.endswith(" GiB headroom per GPU.")
    assert found.headline.strategy == "ddp"
    assert found.fixes == []


def test_offload_is_used_only_where_it_is_allowed(planner: Planner) -> None:
    assert plan(planner, WORKED, "none").headline.verdict == "does_not_fit"
    allowed = plan(planner, WORKED, "cpu")
    assert allowed.headline.verdict == "fits"
    assert allowed.headline.strategy == "fsdp2_offload"


def test_a_gpu_without_bf16_says_what_to_use(planner: Planner) -> None:
    body: Json = {"model": {"id": "meta-llama/Llama-3.2-1B"}, "hardware": {"gpu": "v100-32-sxm"}}
    found = plan(planner, body)
    assert found.headline.verdict == "unsupported"
    assert found.headline.title == (
        "This combination cannot be trained. Cheapest fix: fp16 mixed precision."
    )
    assert found.fixes[0].patch == {"training": {"precision": "fp16_mixed"}}
    assert found.headline.detail.endswith("Use precision fp16_mixed or fp32.")
    assert found.headline.strategy is None
    assert {e.verdict for e in found.estimate.estimates} == {"unsupported"}
    fp16 = plan(planner, {**body, "training": {"precision": "fp16_mixed"}})
    assert fp16.headline.verdict == "fits"


def test_a_job_inside_the_band_is_tight_and_says_what_makes_it_sure(planner: Planner) -> None:
    body: Json = {
        "model": {"id": "meta-llama/Llama-3.2-1B"},
        "hardware": {"gpu": "h100-80-sxm"},
        "strategies": ["ddp"],
    }
    (estimate,) = plan(planner, body).estimate.estimates
    assert estimate.peak is not None
    usable = estimate.peak.allocated_bytes * 105 // 100
    found = plan(planner, merged(body, {"hardware": {"usable_memory_bytes": usable}}))
    assert found.headline.verdict == "tight"
    assert found.headline.title.startswith("Tight: ")
    assert "expandable_segments:True" in found.headline.detail
    assert found.fixes[0].patch["options"] == {"allocator": "expandable_segments"}


def test_where_nothing_helps_the_closest_change_is_named(planner: Planner) -> None:
    body: Json = {
        "model": {"id": "meta-llama/Llama-3.1-405B"},
        "hardware": {"gpu": "t4", "host_memory_gib": 16, "nvme_gib": 0},
        "training": {"precision": "fp16_mixed"},
    }
    found = plan(planner, body)
    assert found.headline.verdict == "does_not_fit"
    assert found.fixes == []
    assert "no change we know makes it fit safely. Closest: " in found.headline.title
    assert " over by " in found.headline.title


def test_changes_are_few_and_none_leads_where_a_cheaper_one_does(planner: Planner) -> None:
    for body in NEEDY.values():
        fixes = plan(planner, body).fixes
        assert 1 <= len(fixes) <= 10
        outcomes = [(f.strategy, f.headroom_bytes, f.detail, f.cost) for f in fixes]
        assert len(set(outcomes)) == len(outcomes)


def test_a_plan_has_the_numbers_of_the_estimate(planner: Planner) -> None:
    estimate: Any = planner._estimator.estimate(EstimateRequest.model_validate(WORKED))
    assert plan(planner, WORKED).estimate == estimate


def test_a_plan_survives_being_stored(planner: Planner) -> None:
    found = plan(planner, WORKED)
    assert PLAN_RESULT.validate_json(PLAN_RESULT.dump_json(found), strict=True) == found


LLAMA_70B: Json = {"id": "meta-llama/Llama-3.1-70B"}


def best_headroom(planner: Planner, body: Json) -> int:
    """The most that any strategy that the page shows leaves of a GPU, without offload."""
    return max(
        e.headroom_bytes
        for e in plan(planner, body).estimate.estimates
        if e.headroom_bytes is not None and e.strategy in SHOWN
    )


@pytest.mark.parametrize(
    "training", [{}, {"sequence_length": 8192}, {"activation_checkpointing": False}]
)
def test_where_nothing_fits_the_nearest_miss_is_opened(planner: Planner, training: Json) -> None:
    body: Json = {
        "model": {"id": "meta-llama/Llama-3.1-405B"},
        "hardware": {
            "gpu": "h100-80-sxm",
            "gpus_per_node": 8,
            "host_memory_gib": 64,
            "nvme_gib": 0,
        },
        "training": training,
    }
    found = plan(planner, body)
    assert found.headline.verdict == "does_not_fit"
    opened = next(e for e in found.estimate.estimates if e.strategy == found.headline.strategy)
    assert opened.headroom_bytes == best_headroom(planner, body)


def test_what_no_single_change_mends_a_pair_of_changes_does(planner: Planner) -> None:
    body: Json = {
        "model": LLAMA_70B,
        "hardware": {
            "gpu": "h100-80-sxm",
            "gpus_per_node": 8,
            "nodes": 2,
            "host_memory_gib": 1536,
            "nvme_gib": 0,
        },
        "training": {"sequence_length": 32768, "micro_batch_size": 4},
    }
    fixes = plan(planner, body).fixes
    assert len(fixes) == 3
    assert all(" and " in fix.change for fix in fixes)


def test_a_long_sequence_is_halved_until_it_fits(planner: Planner) -> None:
    body: Json = {
        "model": LLAMA_70B,
        "hardware": {"gpu": "rtxpro6000-ws", "gpus_per_node": 4},
        "training": {"method": "lora", "sequence_length": 131072},
    }
    fix = next(f for f in plan(planner, body).fixes if "sequence_length" in str(f.patch))
    shorter = fix.patch["training"]["sequence_length"]
    assert 131072 % shorter == 0
    twice: Json = {**body, "training": {**body["training"], "sequence_length": 2 * shorter}}
    assert plan(planner, twice).headline.verdict != "fits"


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ("training", {"micro_batch_size": 64, "gradient_accumulation_steps": 1_000_000}),
        ("hardware", {"nodes": 60_000, "gpus_per_node": 1, "gpu": "t4", "nvme_gib": 0}),
    ],
)
def test_a_change_beyond_the_bounds_of_a_request_is_not_offered(
    planner: Planner, section: str, changes: Json
) -> None:
    body = merged(WORKED, {section: changes, "model": {"id": "meta-llama/Llama-3.1-405B"}})
    found = plan(planner, body)
    assert found.headline.verdict != "fits"
    for fix in found.fixes:
        patch = {key: value for key, value in fix.patch.items() if key != "preferences"}
        EstimateRequest.model_validate(merged(body, patch))


def test_a_result_from_before_advice_was_given_stays_readable(planner: Planner) -> None:
    document = json.loads(PLAN_RESULT.dump_json(plan(planner, WORKED)))
    del document["advice"], document["nearest"]
    old = PLAN_RESULT.validate_json(json.dumps(document))
    assert old.advice is None
    assert old.fixes == plan(planner, WORKED).fixes


@pytest.mark.parametrize(
    ("strategies", "offload", "remedy"),
    [
        (["zero_infinity"], "none", "nvme"),
        (["zero_infinity"], "cpu", "nvme"),
        (["zero3_offload", "zero_infinity"], "none", "cpu"),
        (["fsdp2_offload"], "none", "cpu"),
    ],
)
def test_asking_only_for_deeper_offload_than_is_allowed_is_a_contradiction(
    planner: Planner, strategies: list[str], offload: Offload, remedy: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        plan(planner, {**WORKED, "strategies": strategies}, offload)
    found = {error.pointer: error.detail for error in refused.value.errors}
    assert set(found) == {"/preferences/offload", "/strategies"}
    assert f'Offload is "{offload}"' in found["/preferences/offload"]
    assert all(name in detail for name in strategies for detail in found.values())
    assert found["/preferences/offload"].endswith(f'Set offload to "{remedy}".')
    remedied: Any = remedy
    assert plan(planner, {**WORKED, "strategies": strategies}, remedied).headline.strategy


def test_a_strategy_that_offload_rules_out_is_said_to_be_where_others_are_asked_for(
    planner: Planner,
) -> None:
    found = plan(planner, {**WORKED, "strategies": ["zero3", "zero_infinity"]})
    assert found.advice is not None
    (ruled_out,) = (a for a in found.advice.alternatives if a.strategy == "zero_infinity")
    assert ruled_out.why_not.startswith("Offload allowed is none.")


def test_a_tight_job_over_usable_memory_is_not_said_to_have_headroom(planner: Planner) -> None:
    request = EstimateRequest.model_validate(
        {
            "model": {"id": "meta-llama/Llama-3.1-70B"},
            "hardware": {"gpu": "h200-141-sxm", "gpus_per_node": 8},
            "training": {"sequence_length": 8192},
        }
    )
    headline = planner.plan(request, Preferences()).headline
    assert headline.verdict == "tight"
    assert re.match(r"Tight: \d+ GiB over with ", headline.title)
