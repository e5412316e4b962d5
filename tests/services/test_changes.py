"""What could make a job fit: only what applies, mildest first, as patches of the request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.catalog import load_catalog
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Preferences
from app.services.changes import Change, Context, bundle, pairs, settings
from app.services.purchases import GROWTH, purchases
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
MARKET = [entry.gpu for entry in load_catalog().gpus.values()]


def asked(resolver: Resolver, offload: Any = "none", **changes: Any) -> Context:
    request = EstimateRequest.model_validate(estimate_request(**changes))
    return Context(request, Preferences(offload=offload), resolver.job(request), MARKET)


def offered(resolver: Resolver, offload: Any = "none", **changes: Any) -> list[list[Change]]:
    return settings(asked(resolver, offload, **changes))


def patches(found: list[list[Change]]) -> list[Json]:
    return [change.patch for variants in found for change in variants]


def sections(found: list[list[Change]]) -> list[str]:
    """The fields that each change sets, in the order in which they are offered."""
    names = []
    for variants in found:
        ((section, fields),) = variants[0].patch.items()
        names.append("+".join(fields) if fields else section)
    return names


def test_what_costs_nothing_comes_before_what_approximates_and_what_trains_less(
    resolver: Resolver,
) -> None:
    assert sections(offered(resolver, training=EVERYTHING)) == [
        "strategies",
        "allocator",
        "attention",
        "fused_loss",
        "activation_checkpointing",
        "micro_batch_size+gradient_accumulation_steps",
        "optimizer",
        "method",
        "offload",
        "method",
        "precision",
        "sequence_length",
        "offload",
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
    assert sections(found) == ["strategies"]


def test_another_strategy_is_offered_only_where_the_request_names_some(resolver: Resolver) -> None:
    assert {"strategies": None} in patches(offered(resolver, strategies=["ddp"]))
    assert {"strategies": None} not in patches(offered(resolver, strategies=None))


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_states_of_adapters_are_too_small_to_quantise(resolver: Resolver, method: str) -> None:
    found = patches(offered(resolver, training={"method": method}))
    assert not any({"optimizer", "precision"} & set(patch.get("training", {})) for patch in found)


@pytest.mark.parametrize(
    ("optimizer", "milder_first"),
    [
        ("adamw", ["adamw_8bit", "paged_adamw_8bit"]),
        ("adamw_8bit", ["paged_adamw_8bit"]),
        ("lion", []),
    ],
)
def test_states_are_quantised_before_they_are_paged(
    resolver: Resolver, optimizer: str, milder_first: list[str]
) -> None:
    found = patches(offered(resolver, training={"optimizer": optimizer}))
    optimizers = [patch.get("training", {}).get("optimizer") for patch in found]
    assert [name for name in optimizers if name] == milder_first


@pytest.mark.parametrize(
    ("precision", "offers"), [("bf16_mixed", True), ("bf16_pure", False), ("fp32", False)]
)
def test_states_in_bf16_are_offered_to_mixed_precision(
    resolver: Resolver, precision: str, offers: bool
) -> None:
    found = patches(offered(resolver, training={"precision": precision}))
    assert ({"training": {"precision": "bf16_pure"}} in found) is offers


def test_a_smaller_micro_batch_keeps_the_global_batch(resolver: Resolver) -> None:
    batches = [
        (training["micro_batch_size"], training["gradient_accumulation_steps"])
        for patch in patches(offered(resolver, training=EVERYTHING))
        if "micro_batch_size" in (training := patch.get("training", {}))
    ]
    assert batches == [(6, 4), (4, 6), (3, 8), (2, 12), (1, 24)]


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


def test_a_pair_costs_as_much_as_its_costlier_part_and_more(resolver: Resolver) -> None:
    singles = offered(resolver, training=EVERYTHING)
    found = pairs(singles)
    burdens = [variants[0].burden for variants in found]
    assert burdens == sorted(burdens)
    for variants in found:
        costlier, cheaper = variants[0].ranks
        assert costlier > cheaper
        assert variants[0].burden > ((costlier,), 0)
        assert variants[0].text.count(" and ") >= 1


def test_two_changes_of_one_field_are_no_pair(resolver: Resolver) -> None:
    for patch in patches(pairs(offered(resolver))):
        assert patch != {"training": {"method": "qlora"}}
        assert sum(len(fields or [None]) for fields in patch.values()) >= 2


def test_everything_that_is_free_can_be_had_at_once(resolver: Resolver) -> None:
    free = bundle(offered(resolver, training=EVERYTHING))
    assert free is not None
    assert free.patch == {
        "options": {"allocator": "expandable_segments"},
        "training": {
            "attention": "sdpa",
            "fused_loss": True,
            "activation_checkpointing": True,
            "micro_batch_size": 1,
            "gradient_accumulation_steps": 24,
        },
    }
    assert free.text == (
        "Use expandable segments, SDPA attention, a fused loss, activation checkpointing "
        "and micro-batch 1"
    )
    assert bundle([]) is None


def bought(context: Context) -> dict[str, list[Change]]:
    """Purchases by the field of the hardware that they change."""
    return {next(iter(v[0].patch["hardware"])): v for v in purchases(context)}


def priced(context: Context, low: int | None, high: int | None) -> Context:
    gpu = replace(context.job.hardware.gpu, price_low_cents=low, price_high_cents=high)
    hardware = replace(context.job.hardware, gpu=gpu)
    return replace(context, job=replace(context.job, hardware=hardware))


def test_more_nodes_are_priced_by_the_cards_to_buy(resolver: Resolver) -> None:
    context = asked(resolver, hardware={"gpus_per_node": 4, "nodes": 2})
    more = bought(priced(context, 1_000_000, 1_250_050))["nodes"]
    assert [change.patch["hardware"]["nodes"] for change in more] == [2 * g for g in GROWTH]
    assert more[0].text == "Grow to 16 GPUs (4 nodes)"
    assert more[0].cost == "$80,000–100,004 for 8 more cards"


def test_a_node_is_filled_up_before_a_second_one_is_bought(resolver: Resolver) -> None:
    found = bought(asked(resolver, hardware={"gpus_per_node": 1}))
    assert [c.patch["hardware"]["gpus_per_node"] for c in found["gpus_per_node"]] == [2, 4, 8]
    assert "gpus_per_node" not in bought(asked(resolver, hardware={"gpus_per_node": 8}))
    assert "gpus_per_node" not in bought(asked(resolver, hardware={"nodes": 2}))


def test_larger_gpus_hold_what_is_needed_and_come_from_the_same_vendor(resolver: Resolver) -> None:
    context = asked(resolver)
    own = context.job.hardware.gpu
    need = own.torch_bytes * 3 // 2
    by_id = {gpu.id: gpu for gpu in MARKET}
    found = bought(replace(context, need=need))["gpu"]
    gpus = [by_id[change.patch["hardware"]["gpu"]] for change in found]
    assert gpus
    assert all(gpu.torch_bytes > need and gpu.vendor == own.vendor for gpu in gpus)
    assert all(change.patch["hardware"]["usable_memory_bytes"] is None for change in found)
    assert [change.price_cents for change in found] == sorted(c.price_cents for c in found)


def test_a_gpu_without_a_price_says_so_and_comes_last(resolver: Resolver) -> None:
    more = bought(priced(asked(resolver), None, None))["nodes"]
    assert more[0].cost == "No public price for 2 more cards"
    assert more[0].price_cents == float("inf")


def test_a_saved_machine_is_not_grown(resolver: Resolver) -> None:
    request = EstimateRequest.model_validate(
        {**estimate_request(), "hardware": {"profile": "mine"}}
    )
    assert purchases(Context(request, Preferences(), resolver.job(request), MARKET)) == []


def test_every_purchase_costs_more_than_every_setting(resolver: Resolver) -> None:
    context = asked(resolver, training=EVERYTHING)
    dearest = max(change.burden for variants in settings(context) for change in variants)
    assert all(change.burden > dearest for v in purchases(context) for change in v)


def test_every_change_says_what_it_means_and_costs(resolver: Resolver) -> None:
    context = asked(resolver, training=EVERYTHING)
    for variants in (*settings(context), *purchases(context)):
        for change in variants:
            assert change.text[0].isupper()
            assert change.noun
            assert change.detail.endswith(".")
            assert "$" in change.cost or "price" in change.cost
