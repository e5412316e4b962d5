"""What could make a job fit: only what applies, mildest first, as patches of the request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.domain.job import Job
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Preferences
from app.services.changes import GROWTH, Change, proposals
from app.services.resolving import Resolver
from tests.factories import Json, estimate_request

# A job that every change but offload applies to.
EVERYTHING: Json = {
    "activation_checkpointing": False,
    "attention": "eager",
    "micro_batch_size": 12,
    "gradient_accumulation_steps": 2,
    "sequence_length": 4096,
}


def offered(resolver: Resolver, offload: Any = "none", **changes: Any) -> list[list[Change]]:
    request, job = asked(resolver, **changes)
    return proposals(request, Preferences(offload=offload), job)


def asked(resolver: Resolver, **changes: Any) -> tuple[EstimateRequest, Job]:
    request = EstimateRequest.model_validate(estimate_request(**changes))
    return request, resolver.job(request)


def patches(found: list[list[Change]]) -> list[Json]:
    return [change.patch for variants in found for change in variants]


def sections(found: list[list[Change]]) -> list[str]:
    """The fields that each change alone sets, in the order in which they are offered."""
    names = []
    for variants in found:
        ((section, fields),) = variants[0].patch.items()
        names.append("+".join(fields) if fields else section)
    return names


def test_what_costs_nothing_comes_before_what_approximates_and_what_is_bought(
    resolver: Resolver,
) -> None:
    found = offered(resolver, training={**EVERYTHING, "activation_checkpointing": True})
    assert sections(found) == [
        "strategies",
        "allocator",
        "attention",
        "fused_loss",
        "micro_batch_size+gradient_accumulation_steps",
        "optimizer",
        "method",
        "offload",
        "method",
        "sequence_length",
        "offload",
        "nodes",
    ]


def test_nothing_is_offered_that_is_already_so(resolver: Resolver) -> None:
    found = offered(
        resolver,
        offload="nvme",
        training={
            "method": "qlora",
            "sequence_length": 512,
            "micro_batch_size": 1,
            "fused_loss": True,
        },
        options={"allocator": "expandable_segments"},
    )
    assert sections(found) == ["strategies", "nodes"]


def test_another_strategy_is_offered_only_where_the_request_names_some(resolver: Resolver) -> None:
    assert {"strategies": None} in patches(offered(resolver, strategies=["ddp"]))
    assert {"strategies": None} not in patches(offered(resolver, strategies=None))


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_states_of_adapters_are_too_small_to_quantise(resolver: Resolver, method: str) -> None:
    found = offered(resolver, training={"method": method})
    assert not any("optimizer" in patch.get("training", {}) for patch in patches(found))


def test_a_smaller_micro_batch_keeps_the_global_batch(resolver: Resolver) -> None:
    found = offered(resolver, training=EVERYTHING)
    batches = [
        (training["micro_batch_size"], training["gradient_accumulation_steps"])
        for training in (patch.get("training", {}) for patch in patches(found))
        if "micro_batch_size" in training and "activation_checkpointing" not in training
    ]
    assert batches == [(6, 4), (4, 6), (3, 8), (2, 12), (1, 24)]


def test_without_checkpointing_each_change_is_offered_with_it_too(resolver: Resolver) -> None:
    found = patches(offered(resolver, training=EVERYTHING))
    alone = [p for p in found if "activation_checkpointing" not in p.get("training", {})]
    together = [p for p in found if "activation_checkpointing" in p.get("training", {})]
    assert together[0] == {"training": {"activation_checkpointing": True}}
    for patch in alone:
        training = {**patch.get("training", {}), "activation_checkpointing": True}
        assert {**patch, "training": training} in together
    assert len(together) == len(alone) + 1


def test_a_sequence_is_halved_and_quartered_but_not_below_512(resolver: Resolver) -> None:
    lengths = [
        patch["training"]["sequence_length"]
        for patch in patches(offered(resolver, training={"sequence_length": 1500}))
        if "sequence_length" in patch.get("training", {})
    ]
    assert lengths == [750]


@pytest.mark.parametrize(
    ("offload", "deeper"), [("none", ["cpu", "nvme"]), ("cpu", ["nvme"]), ("nvme", [])]
)
def test_only_deeper_offload_is_offered(
    resolver: Resolver, offload: str, deeper: list[str]
) -> None:
    found = patches(offered(resolver, offload=offload))
    assert [p["preferences"]["offload"] for p in found if "preferences" in p] == deeper


def test_more_nodes_are_priced_by_the_cards_to_buy(resolver: Resolver) -> None:
    request, job = asked(resolver, hardware={"gpus_per_node": 4, "nodes": 2})
    gpu = replace(job.hardware.gpu, price_low_cents=1_000_000, price_high_cents=1_250_050)
    priced = replace(job, hardware=replace(job.hardware, gpu=gpu))
    (more,) = [v for v in proposals(request, Preferences(), priced) if "hardware" in v[0].patch]
    assert [change.patch["hardware"]["nodes"] for change in more] == [2 * g for g in GROWTH]
    assert more[0].text == "Grow to 16 GPUs (4 nodes)"
    assert more[0].cost == "$80,000–100,004 for 8 more cards"


def test_a_gpu_without_a_price_says_so(resolver: Resolver) -> None:
    request, job = asked(resolver)
    gpu = replace(job.hardware.gpu, price_low_cents=None, price_high_cents=None)
    unpriced = replace(job, hardware=replace(job.hardware, gpu=gpu))
    (more,) = [v for v in proposals(request, Preferences(), unpriced) if "hardware" in v[0].patch]
    assert more[0].cost == "2 more cards; no public price"


def test_a_saved_machine_is_not_grown(resolver: Resolver) -> None:
    body = {**estimate_request(), "hardware": {"profile": "mine"}}
    request = EstimateRequest.model_validate(body)
    found = proposals(request, Preferences(), resolver.job(request))
    assert not any("hardware" in patch for patch in patches(found))


def test_every_change_says_what_it_means_and_costs(resolver: Resolver) -> None:
    for variants in offered(resolver, training=EVERYTHING):
        for change in variants:
            assert change.text[0].isupper()
            assert change.noun
            assert change.detail.endswith(".")
            assert "$" in change.cost or "price" in change.cost
