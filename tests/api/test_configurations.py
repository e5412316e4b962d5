from __future__ import annotations

import json

from starlette.testclient import TestClient

from tests.factories import Json, estimate_request, merged

PATH = "/api/v1/configurations"


def configuration_request(**changes: object) -> Json:
    body = estimate_request()
    del body["strategies"]
    return merged({**body, "strategy": "zero3"}, dict(changes))


def test_the_files_of_one_strategy_are_answered(client: TestClient) -> None:
    answer = client.post(PATH, json=configuration_request())
    assert answer.status_code == 200
    body = answer.json()
    assert (body["strategy"], body["framework"], body["verdict"]) == ("zero3", "deepspeed", "fits")
    formats = [file["format"] for file in body["configs"]]
    assert formats == ["deepspeed_json", "training_arguments_json", "launch_command"]
    assert json.loads(body["configs"][0]["content"])["zero_optimization"]["stage"] == 3


def test_a_recommendation_carries_the_same_files(client: TestClient) -> None:
    body = configuration_request()
    recommended = client.post(
        "/api/v1/recommendations", json={k: v for k, v in body.items() if k != "strategy"}
    ).json()
    own = client.post(PATH, json={**body, "strategy": recommended["strategy"]}).json()
    assert own["configs"] == recommended["configs"] != []


def test_a_loop_of_ones_own_gets_no_training_arguments(client: TestClient) -> None:
    body = configuration_request(preferences={"trainer": "pytorch"})
    formats = [file["format"] for file in client.post(PATH, json=body).json()["configs"]]
    assert formats == ["deepspeed_json", "launch_command"]


def test_what_cannot_be_has_no_files_and_says_why(client: TestClient) -> None:
    answer = client.post(PATH, json=configuration_request(strategy="fsdp2_hybrid")).json()
    assert answer["verdict"] == "unsupported"
    assert answer["configs"] == []
    assert "2 or more nodes" in answer["notes"][0]


def test_a_strategy_that_is_none_is_pointed_at_where_it_stands(client: TestClient) -> None:
    answer = client.post(PATH, json=configuration_request(strategy="fsdp"))
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/strategy"
    assert "fsdp2" in error["detail"]


def test_a_bad_field_of_the_job_is_pointed_at_as_in_an_estimate(client: TestClient) -> None:
    body = configuration_request(training={"sequence_length": 10_000_000})
    answer = client.post(PATH, json=body)
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/training/sequence_length"]
