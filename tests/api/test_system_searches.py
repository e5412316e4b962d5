"""`POST /api/v1/system-searches`: results that can be posted to /estimates and stay true."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.catalog import load_catalog
from app.domain.strategies import STRATEGIES
from app.main import create_app
from app.schemas.system_searches import SYSTEM_SEARCH, SYSTEM_SEARCH_REQUESTS
from app.settings import Settings
from tests.conftest import ADDRESS
from tests.factories import Json, merged, new_hardware_profile

SEARCHES = "/api/v1/system-searches"
MODEL = "meta-llama/Llama-3.1-8B"
RANK = {"fits": 0, "tight": 1}


def served(folder: Path) -> TestClient:
    settings = Settings(database_url=f"sqlite:///{folder}/shardplan.db")
    return TestClient(create_app(settings), base_url=ADDRESS, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The product with nothing saved: for tests that only ask."""
    with served(tmp_path_factory.mktemp("catalogue")) as client:
        yield client


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The product with one saved system of three GPUs."""
    with served(tmp_path_factory.mktemp("stocked")) as client:
        save(client, gpus_per_node=3, price_usd=50_000)
        yield client


def search(client: TestClient, **body: Any) -> Json:
    response = client.post(SEARCHES, json={"model": {"id": MODEL}, **body})
    assert response.status_code == 200, response.text
    SYSTEM_SEARCH.validate_json(response.content, strict=True)
    return dict(response.json())


def refused(client: TestClient, **body: Any) -> Json:
    response = client.post(SEARCHES, json={"model": {"id": MODEL}, **body})
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


def save(client: TestClient, **changes: Any) -> Json:
    response = client.post("/api/v1/hardware-profiles", json=new_hardware_profile(**changes))
    assert response.status_code == 201, response.text
    return dict(response.json())


def price_key(result: Json) -> float:
    return float("inf") if result["price_usd"] is None else result["price_usd"]["low"]


@pytest.mark.parametrize("name", SYSTEM_SEARCH_REQUESTS)
def test_every_request_that_the_documentation_shows_finds_systems(
    catalogue: TestClient, name: str
) -> None:
    response = catalogue.post(SEARCHES, json=SYSTEM_SEARCH_REQUESTS[name]["value"])
    assert response.status_code == 200, response.text
    assert response.json()["results"]


SEARCHED: dict[str, Json] = {
    "as the defaults": {},
    "without checkpointing": {
        "training": {"activation_checkpointing": False, "micro_batch_size": 4},
        "max_nodes": 2,
    },
    "with offload": {"offload": "nvme", "host_memory_gib": 100, "gpu_counts": [1, 4]},
    "fp16 on a large model": {
        "model": {"id": "meta-llama/Llama-3.1-70B"},
        "training": {"precision": "fp16_mixed", "sequence_length": 4096},
        "max_nodes": 3,
    },
    "QLoRA with settings": {
        "model": {"id": "Qwen/Qwen3-30B-A3B"},
        "training": {"method": "qlora", "attention": "flash_attention_2"},
        "options": {"allocator": "expandable_segments"},
        "vendor": "nvidia",
    },
}


@pytest.mark.parametrize("body", SEARCHED.values(), ids=SEARCHED)
def test_what_is_found_can_be_posted_to_estimates_and_gets_the_same_answer(
    client: TestClient, body: Json
) -> None:
    save(client, gpu="h200-141-sxm", gpus_per_node=8, host_memory_gib=2048, price_usd=280_000)
    found = search(client, **{"limit": 1000, **body})
    rows = found["results"][:: max(1, len(found["results"]) // 12)] + found["near_misses"]
    assert len(rows) >= 6
    for row in rows:
        request = {
            "model": body.get("model", {"id": MODEL}),
            "hardware": row["hardware"],
            "training": merged(body.get("training", {}), row["training_patch"] or {}),
            "options": body.get("options", {}),
            "strategies": [row["strategy"]],
        }
        response = client.post("/api/v1/estimates", json=request)
        assert response.status_code == 200, response.text
        answer = response.json()
        (estimate,) = answer["estimates"]
        for name in (
            "verdict", "headroom_bytes", "max_micro_batch_size", "host_bytes", "nvme_bytes",
            "notes", "framework", "evidence",
        ):  # fmt: skip
            assert row[name] == estimate[name], (row["name"], name)
        assert row["strategy_title"] == estimate["title"]
        assert row["peak_bytes"] == estimate["peak"]["allocated_bytes"]
        assert row["usable_bytes"] == answer["capacity"]["usable_bytes"]


def test_what_fits_comes_before_what_is_tight_and_cheap_before_dear(catalogue: TestClient) -> None:
    found = search(catalogue, model={"id": "meta-llama/Llama-3.1-70B"}, max_nodes=4, limit=1000)
    rows = found["results"]
    assert {row["verdict"] for row in rows} == {"fits", "tight"}
    assert any(row["price_usd"] is None for row in rows)
    keys = [(RANK[row["verdict"]], price_key(row), row["gpus"]) for row in rows]
    assert keys == sorted(keys)
    assert len(rows) == found["fitting"] + found["tight"]


def test_every_system_is_named_once_with_one_strategy(catalogue: TestClient) -> None:
    rows = search(catalogue, max_nodes=2, limit=1000)["results"]
    named = [tuple(row["hardware"].values()) for row in rows]
    assert len(named) == len(set(named))


def test_candidates_are_systems_times_strategies_times_trainings(catalogue: TestClient) -> None:
    gpus = len(load_catalog().gpus)
    without_offload = sum(s.offload == "none" for s in STRATEGIES.values())
    found = search(catalogue, gpu_counts=[1, 8, 8], max_nodes=3)
    assert found["systems"] == gpus * 2 * 3
    assert found["candidates"] == found["systems"] * without_offload
    both = search(catalogue, training={"activation_checkpointing": False}, offload="nvme")
    assert both["candidates"] == gpus * 4 * len(STRATEGIES) * 2


@pytest.mark.parametrize("offload", ["none", "cpu", "nvme"])
def test_no_strategy_offloads_deeper_than_allowed(catalogue: TestClient, offload: str) -> None:
    body = {"model": {"id": "meta-llama/Llama-3.1-70B"}, "host_memory_gib": 4096}
    rows = search(catalogue, **body, offload=offload, limit=1000)["results"]
    deepest = ["none", "cpu", "nvme"].index(offload)
    places = {["none", "cpu", "nvme"].index(STRATEGIES[row["strategy"]].offload) for row in rows}
    assert max(places) <= deepest
    assert deepest == 0 or max(places) > 0


def test_checkpointing_is_switched_on_only_where_that_makes_the_difference(
    catalogue: TestClient,
) -> None:
    training = {"activation_checkpointing": False, "sequence_length": 8192}
    rows = search(catalogue, training=training, limit=1000)["results"]
    patches = [row["training_patch"] for row in rows]
    assert {"activation_checkpointing": True} in patches
    assert None in patches
    patched = [row for row in rows if row["training_patch"] is not None]
    for row in patched[:: max(1, len(patched) // 8)]:
        body = {"model": {"id": MODEL}, "hardware": row["hardware"], "training": training}
        as_sent = catalogue.post("/api/v1/estimates", json=body).json()["estimates"]
        for estimate in as_sent:
            strategy = STRATEGIES[estimate["strategy"]]
            if strategy.common and strategy.offload == "none":
                assert RANK.get(estimate["verdict"], 2) > RANK[row["verdict"]]


def test_a_job_that_checkpoints_already_is_searched_as_it_is(catalogue: TestClient) -> None:
    assert {row["training_patch"] is None for row in search(catalogue)["results"]} == {True}


def test_prices_are_of_all_cards_with_their_source_and_date(catalogue: TestClient) -> None:
    rows = search(catalogue, limit=1000, max_nodes=2)["results"]
    priced = [row for row in rows if row["price_usd"] is not None]
    assert priced
    for row in rows:
        price, own = row["price_usd"], load_catalog().gpu(row["gpu"]).price
        if own is None:
            assert price is None
            continue
        cards = row["gpus"]
        assert price == {
            "kind": own.kind,
            "low": own.low_cents * cards / 100,
            "high": own.high_cents * cards / 100,
            "source": own.source,
            "as_of": own.as_of,
        }


def test_a_saved_system_joins_with_its_own_price(client: TestClient) -> None:
    profile = save(client, name="Ours", gpus_per_node=4, price_usd=19_999.99)
    (row,) = [r for r in search(client, limit=1000)["results"] if "profile" in r["hardware"]]
    assert row["hardware"] == {"profile": profile["id"]}
    assert row["name"] == "Ours"
    assert row["price_usd"] == {
        "kind": "saved",
        "low": 19_999.99,
        "high": 19_999.99,
        "source": "Ours",
        "as_of": profile["updated_at"][:10],
    }


def test_a_saved_system_without_a_price_has_none(client: TestClient) -> None:
    save(client)
    (row,) = [r for r in search(client, limit=1000)["results"] if "profile" in r["hardware"]]
    assert row["price_usd"] is None


def test_a_saved_system_keeps_its_own_facts(client: TestClient) -> None:
    model = {"id": "meta-llama/Llama-3.2-1B"}
    save(client, gpus_per_node=1, usable_memory_bytes=5 * 2**30)
    assert not any("profile" in r["hardware"] for r in search(client, model=model)["results"])
    save(client, gpus_per_node=1, usable_memory_bytes=80 * 2**30, price_usd=1)
    assert search(client, model=model)["results"][0]["usable_bytes"] == 80 * 2**30


@pytest.mark.parametrize(
    ("body", "joins"),
    [
        ({}, True),
        ({"gpu_counts": [1, 2]}, False),
        ({"gpu_counts": [3]}, True),
        ({"max_nodes": 1}, True),
        ({"vendor": "amd"}, False),
        ({"vendor": "nvidia"}, True),
        ({"max_price_usd": 50_000}, True),
        ({"max_price_usd": 49_999.99}, False),
    ],
    ids=str,
)
def test_filters_hold_for_saved_systems_too(stocked: TestClient, body: Json, joins: bool) -> None:
    rows = search(stocked, limit=1000, **body)["results"]
    assert any("profile" in row["hardware"] for row in rows) is joins


def test_a_saved_cluster_joins_only_where_so_many_nodes_are_allowed(client: TestClient) -> None:
    save(client, nodes=2)
    for nodes, joins in ((1, False), (2, True)):
        rows = search(client, limit=1000, max_nodes=nodes)["results"]
        assert any("profile" in row["hardware"] for row in rows) is joins


def test_a_price_limit_is_for_the_whole_range_and_leaves_unpriced_systems_out(
    catalogue: TestClient,
) -> None:
    limit = 20_000
    every = search(catalogue, limit=1000)["results"]
    found = search(catalogue, limit=1000, max_price_usd=limit)["results"]
    expected = [r for r in every if r["price_usd"] and r["price_usd"]["high"] <= limit]
    assert found == expected
    assert 0 < len(found) < len(every)


def test_one_per_gpu_names_the_first_system_of_each(catalogue: TestClient) -> None:
    every = search(catalogue, limit=1000, max_nodes=2)["results"]
    first: dict[str, Json] = {}
    for row in every:
        first.setdefault(row["gpu"], row)
    assert search(catalogue, limit=1000, max_nodes=2, one_per_gpu=True)["results"] == list(
        first.values()
    )


def test_the_limit_cuts_the_list_and_not_the_counts(catalogue: TestClient) -> None:
    every, three = search(catalogue, limit=1000), search(catalogue, limit=3)
    assert three["results"] == every["results"][:3]
    assert (three["candidates"], three["fitting"]) == (every["candidates"], every["fitting"])


def test_near_misses_are_the_nearest_and_one_per_gpu(catalogue: TestClient) -> None:
    found = search(catalogue, model={"id": "meta-llama/Llama-3.1-70B"})
    misses = found["near_misses"]
    assert 1 <= len(misses) <= 3
    assert {row["verdict"] for row in misses} == {"does_not_fit"}
    needs = [row["peak_bytes"] * 1000 // row["usable_bytes"] for row in misses]
    assert all(first <= second for first, second in pairwise(needs))
    assert all(need <= 1100 for need in needs)
    assert len({row["gpu"] for row in misses}) == len(misses)


def test_where_nothing_runs_the_nearest_misses_are_named(catalogue: TestClient) -> None:
    found = search(catalogue, model={"id": "deepseek-ai/DeepSeek-V3"})
    assert found["results"] == []
    assert (found["fitting"], found["tight"]) == (0, 0)
    assert len(found["near_misses"]) == 3
    assert found["reasons"] == []


def test_a_combination_that_exists_nowhere_says_why(catalogue: TestClient) -> None:
    training = {"precision": "fp32", "attention": "flash_attention_2"}
    found = search(catalogue, training=training)
    assert (found["results"], found["near_misses"]) == ([], [])
    assert found["candidates"] > 0
    assert found["reasons"] == [
        "FlashAttention-2 has no fp32 kernels. Use attention sdpa, or a 16-bit precision."
    ]


def test_a_budget_below_every_price_leaves_nothing_to_look_at(catalogue: TestClient) -> None:
    found = search(catalogue, max_price_usd=1)
    assert (found["candidates"], found["systems"], found["results"]) == (0, 0, [])


def test_a_model_of_one_s_own_can_be_searched_for(client: TestClient) -> None:
    profile = client.post("/api/v1/model-profiles", json={"name": "Our 8B", "base": MODEL}).json()
    found = search(client, model={"profile": profile["id"]})
    assert found["results"] == search(client)["results"]


@pytest.mark.parametrize(
    ("body", "pointer", "remedy"),
    [
        ({"model": {"id": "meta-llama/Llama-9"}}, "/model/id", "such as"),
        ({"model": {}}, "/model", "exactly one"),
        ({"training": {"sequence_length": 10**7}}, "/training/sequence_length", "131,072"),
        ({"training": {"method": "full", "x": 1}}, "/training/x", "x"),
        ({"offload": "disk"}, "/offload", "none"),
        ({"gpu_counts": []}, "/gpu_counts", "1"),
        ({"gpu_counts": [0]}, "/gpu_counts/0", "at least 1"),
        ({"gpu_counts": [1.5]}, "/gpu_counts/0", "whole"),
        ({"max_nodes": 129}, "/max_nodes", "128"),
        ({"limit": 0}, "/limit", "at least 1"),
        ({"max_price_usd": -1}, "/max_price_usd", "at least 0"),
        ({"max_price_usd": 0.001}, "/max_price_usd", "2 decimals"),
        ({"max_price_usd": "10"}, "/max_price_usd", "number"),
        ({"vendor": "acme"}, "/vendor", "nvidia"),
        ({"maxnodes": 2}, "/maxnodes", "max_nodes"),
        ({"options": {"deepspeed": {"reduce_buckets": 1}}}, "/options/deepspeed", "reduce_bucket"),
    ],
    ids=str,
)
def test_bad_fields_are_named_with_a_remedy(
    catalogue: TestClient, body: Json, pointer: str, remedy: str
) -> None:
    errors = refused(catalogue, **body)
    (found,) = errors
    assert found.startswith(pointer)
    assert remedy in errors[found]
