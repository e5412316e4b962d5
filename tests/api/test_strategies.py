"""`GET /api/v1/strategies` lists the registry, from which every menu is made."""

from __future__ import annotations

from starlette.testclient import TestClient

from app.domain.strategies import STRATEGIES
from tests.factories import Json


def listed(client: TestClient) -> list[Json]:
    return list(client.get("/api/v1/strategies").json()["items"])


def test_every_strategy_is_listed_in_registry_order(client: TestClient) -> None:
    assert [item["id"] for item in listed(client)] == list(STRATEGIES)


def test_a_strategy_says_what_it_shards_and_where_it_keeps_it(client: TestClient) -> None:
    by_id = {item["id"]: item for item in listed(client)}
    hybrid, infinity = by_id["fsdp2_hybrid"], by_id["zero_infinity"]
    assert [hybrid[f"shard_{x}"] for x in ("parameters", "gradients", "optimizer")] == ["node"] * 3
    assert (infinity["parameters_on"], infinity["optimizer_on"]) == ("nvme", "nvme")
    assert [by_id[s]["offload"] for s in ("ddp", "zero2_offload", "zero_infinity")] == [
        "none",
        "cpu",
        "nvme",
    ]


def test_every_strategy_has_a_title_a_sentence_and_its_paper(client: TestClient) -> None:
    for item in listed(client):
        assert item["title"]
        assert item["summary"].endswith(".")
        assert item["source"]
        assert item["source_url"].startswith("https://arxiv.org/abs/")


def test_every_id_that_is_listed_can_be_estimated(client: TestClient) -> None:
    body = {
        "model": {"id": "meta-llama/Llama-3.2-1B"},
        "hardware": {"gpu": "h100-80-sxm"},
        "strategies": [item["id"] for item in listed(client)],
    }
    response = client.post("/api/v1/estimates", json=body)
    assert [e["strategy"] for e in response.json()["estimates"]] == body["strategies"]
