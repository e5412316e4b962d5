from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from app.catalog import load_catalog


def test_every_model_is_listed_and_can_be_read_by_its_id(client: TestClient) -> None:
    listed = client.get("/api/v1/models").json()

    assert listed["catalog_version"] == load_catalog().version
    assert [model["id"] for model in listed["items"]] == list(load_catalog().models)
    for model in listed["items"]:
        answer = client.get(f"/api/v1/models/{model['id']}").json()
        assert {key: answer[key] for key in model} == model
        assert answer["config"]


def test_a_model_shows_exact_counts_and_their_source(client: TestClient) -> None:
    model = client.get("/api/v1/models/meta-llama/Llama-3.1-70B").json()

    assert model["parameters"]["total"] == 70_553_706_496
    assert model["layers"] == 80
    assert model["source"]


def test_every_gpu_is_listed_and_can_be_read_by_its_id(client: TestClient) -> None:
    listed = client.get("/api/v1/gpus").json()

    assert [gpu["id"] for gpu in listed["items"]] == list(load_catalog().gpus)
    for gpu in listed["items"]:
        assert client.get(f"/api/v1/gpus/{gpu['id']}").json() == gpu
        assert gpu["torch_bytes"] <= gpu["driver_bytes"]


def test_prices_are_dollars_with_a_kind_and_a_source(client: TestClient) -> None:
    gpus = client.get("/api/v1/gpus").json()["items"]
    prices = [gpu["price_usd"] for gpu in gpus if gpu["price_usd"]]

    assert prices
    for price in prices:
        assert price["kind"] in ("street", "list")
        assert 100 < price["low"] <= price["high"] < 1_000_000
        assert price["source"]


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("models/meta-llama/Llama-3.1-80B", "such as meta-llama/Llama-3.1-8B"),
        ("models/zzzz", "GET /api/v1/models"),
        ("gpus/4090", "such as rtx4090."),
        ("gpus/%00", "GET /api/v1/gpus"),
    ],
)
def test_what_the_catalogue_does_not_have_is_a_problem_that_names_the_nearest(
    client: TestClient, address: str, near: str
) -> None:
    response = client.get(f"/api/v1/{address}")

    assert response.status_code == 404
    assert response.json()["detail"].startswith("There is no ")
    assert near in response.json()["detail"]
