"""`POST /api/v1/recommendations` as quoting tools build on it: names, values and refusals."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from app.domain.strategies import STRATEGIES
from app.schemas.recommendations import RECOMMENDATION, RECOMMENDATION_REQUESTS
from tests.factories import Json, merged

RECOMMENDATIONS = "/api/v1/recommendations"
EIGHT: Json = {
    "model": {"id": "meta-llama/Llama-3.1-8B"},
    "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 8},
}
LARGE: Json = {
    "model": {"id": "meta-llama/Llama-3.1-70B"},
    "hardware": {"gpu": "rtxpro6000-ws", "gpus_per_node": 4},
}


def post(client: TestClient, body: Any) -> Response:
    return client.post(RECOMMENDATIONS, json=body)


def answer(client: TestClient, body: Json) -> Json:
    response = post(client, body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def refused(client: TestClient, body: Json) -> dict[str, str]:
    """The bad fields of a refusal, by pointer."""
    response = post(client, body)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


@pytest.mark.parametrize("name", RECOMMENDATION_REQUESTS)
def test_every_request_that_the_documentation_shows_is_answered(
    client: TestClient, name: str
) -> None:
    response = post(client, RECOMMENDATION_REQUESTS[name]["value"])
    assert response.status_code == 200, response.text
    RECOMMENDATION.validate_json(response.content, strict=True)


def test_the_answer_has_the_contracts_fields(client: TestClient) -> None:
    found = answer(client, EIGHT)
    assert found["framework"] == "pytorch_fsdp"
    assert STRATEGIES[found["strategy"]].framework == "pytorch_fsdp"
    assert found["verdict"] == "fits"
    assert found["headline"]
    assert {"text", "source"} <= set(found["reasons"][0])
    assert {"strategy", "framework", "verdict", "why_not"} <= set(found["alternatives"][0])
    assert found["changes_to_fit"] == []
    assert isinstance(found["configs"], list)


def test_what_does_not_fit_has_no_framework_and_changes_that_can_be_merged(
    client: TestClient,
) -> None:
    found = answer(client, LARGE)
    assert (found["framework"], found["strategy"]) == ("none", None)
    assert found["verdict"] == "does_not_fit"
    assert found["configs"] == []
    for change in found["changes_to_fit"]:
        assert {"change", "patch", "saves_bytes", "verdict"} <= set(change)
        assert set(change["patch"]) <= {
            "model", "hardware", "training", "options", "preferences", "strategies",
        }  # fmt: skip
        assert change["saves_bytes"] >= 0
        assert answer(client, merged(LARGE, change["patch"]))["verdict"] == change["verdict"]


def test_only_strategies_that_were_asked_for_are_weighed(client: TestClient) -> None:
    found = answer(client, {**EIGHT, "strategies": ["zero3", "ddp"]})
    assert found["strategy"] == "zero3"
    assert [a["strategy"] for a in found["alternatives"]] == ["ddp"]


def test_a_contradiction_between_offload_and_strategies_is_named_at_both(
    client: TestClient,
) -> None:
    errors = refused(client, {**LARGE, "strategies": ["zero_infinity"]})
    assert set(errors) == {"/preferences/offload", "/strategies"}
    assert errors["/preferences/offload"] == (
        'Offload is "none", but every strategy asked for offloads to NVMe: zero_infinity. '
        'Set offload to "nvme".'
    )


@pytest.mark.parametrize(
    ("preferences", "pointer"),
    [
        ({"offload": "disk"}, "/preferences/offload"),
        ({"trainer": "lightning"}, "/preferences/trainer"),
        ({"team_knows_deepspeed": "yes"}, "/preferences/team_knows_deepspeed"),
        ({"debuging_matters": True}, "/preferences/debuging_matters"),
    ],
)
def test_a_bad_preference_is_refused_by_name(
    client: TestClient, preferences: Json, pointer: str
) -> None:
    assert pointer in refused(client, {**EIGHT, "preferences": preferences})


def test_a_saved_plan_that_contradicts_itself_names_the_preference(client: TestClient) -> None:
    body = {"name": "Quote", "request": {**LARGE, "strategies": ["zero_infinity"]}}
    response = client.post("/api/v1/plans", json=body)
    assert response.status_code == 422
    pointers = [error["pointer"] for error in response.json()["errors"]]
    assert pointers == ["/preferences/offload", "/request/strategies"]


def test_a_bad_field_of_the_estimate_is_refused_as_in_an_estimate(client: TestClient) -> None:
    assert "/model/id" in refused(client, {**EIGHT, "model": {"id": "meta-llama/Llama-9"}})
