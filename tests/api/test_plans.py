from __future__ import annotations

import base64
import json
import sqlite3

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.services.planning import Planner
from tests.factories import Json, estimate_request, new_hardware_profile, new_plan

PLANS = "/api/v1/plans"


@pytest.fixture
def plan(client: TestClient) -> Json:
    response = client.post(PLANS, json=new_plan())
    assert response.status_code == 201, response.text
    return dict(response.json())


def test_saving_a_plan_answers_its_address_its_tag_and_the_result(client: TestClient) -> None:
    response = client.post(PLANS, json=new_plan(name="  Quote 1042  "))

    plan = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"{PLANS}/{plan['id']}"
    assert response.headers["etag"] == '"1"'
    assert plan["name"] == "Quote 1042"
    assert plan["request"] == estimate_request()
    assert plan["preferences"]["trainer"] == "hf_trainer"
    assert plan["job"]["hardware"]["gpu"]["id"] == "h100-80-sxm"
    assert plan["engine_version"] == plan["result"]["estimate"]["engine_version"]
    assert plan["verdict"] == plan["result"]["headline"]["verdict"]


def test_a_plan_has_the_numbers_that_the_estimate_has(client: TestClient, plan: Json) -> None:
    estimate = client.post("/api/v1/estimates", json=estimate_request())

    assert plan["result"]["estimate"] == estimate.json()


def test_a_plan_reads_back_to_the_byte(client: TestClient) -> None:
    created = client.post(PLANS, json=new_plan())

    read = client.get(created.headers["location"])

    assert (read.status_code, read.content) == (200, created.content)
    assert read.headers["etag"] == created.headers["etag"]


def test_reading_never_computes(
    client: TestClient, plan: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Planner, "plan")

    assert client.get(f"{PLANS}/{plan['id']}").json() == plan
    assert client.get(PLANS).json()["items"][0]["headline"] == plan["headline"]


def test_a_stored_result_is_shown_as_it_is_even_if_today_would_differ(
    app: FastAPI, client: TestClient, plan: Json
) -> None:
    path = app.state.services.settings.database_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE plan_versions SET result = '{\"old\" : 1.50}'")
    connection.close()

    assert client.get(f"{PLANS}/{plan['id']}").text.count('"result":{"old" : 1.50},') == 1


def test_a_plan_keeps_the_machine_of_a_profile_that_is_deleted_later(client: TestClient) -> None:
    profile = client.post("/api/v1/hardware-profiles", json=new_hardware_profile()).json()
    body = new_plan()
    body["request"]["hardware"] = {"profile": profile["id"]}
    plan = client.post(PLANS, json=body).json()

    address = f"/api/v1/hardware-profiles/{profile['id']}"
    assert client.delete(address, headers={"If-Match": '"1"'}).status_code == 204

    kept = client.get(f"{PLANS}/{plan['id']}").json()
    assert kept["job"]["hardware"]["gpu"]["id"] == "rtxpro6000-ws"
    assert kept["job"]["hardware"]["gpus_per_node"] == 4


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"model": {"id": "meta-llama/Llama-3.2-1C"}}, "/request/model/id"),
        ({"hardware": {"gpu": "h100"}}, "/request/hardware/gpu"),
        ({"strategies": ["zero9"]}, "/request/strategies/0"),
        ({"training": {"sequence_length": 10_000_000}}, "/request/training/sequence_length"),
        ({"hardware": {"gpus_per_node": 0}}, "/request/hardware/gpus_per_node"),
    ],
)
def test_a_job_that_cannot_be_planned_points_into_the_request(
    client: TestClient, changes: Json, pointer: str
) -> None:
    response = client.post(PLANS, json=new_plan(request=changes))

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert client.get(PLANS).json()["items"] == []


def test_replacing_a_plan_computes_it_anew_and_changes_its_tag(
    client: TestClient, plan: Json
) -> None:
    body = new_plan(name="Bigger", request={"training": {"sequence_length": 1024}})

    response = client.put(f"{PLANS}/{plan['id']}", json=body, headers={"If-Match": '"1"'})

    assert (response.status_code, response.headers["etag"]) == (200, '"2"')
    replaced = response.json()
    assert (replaced["name"], replaced["version"]) == ("Bigger", 2)
    assert replaced["result"] != plan["result"]
    assert replaced["created_at"] == plan["created_at"]
    assert client.get(f"{PLANS}/{plan['id']}").content == response.content


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_change_needs_the_current_tag(client: TestClient, plan: Json, method: str) -> None:
    address = f"{PLANS}/{plan['id']}"
    body = new_plan() if method == "PUT" else None

    without = client.request(method, address, json=body)
    stale = client.request(method, address, json=body, headers={"If-Match": '"2"'})
    weak = client.request(method, address, json=body, headers={"If-Match": 'W/"1"'})

    assert [without.status_code, stale.status_code, weak.status_code] == [428, 412, 412]
    assert "If-Match" in without.json()["detail"]
    assert "version 1" in stale.json()["detail"]
    assert client.get(address).json() == plan


def test_any_version_may_be_changed_on_request(client: TestClient, plan: Json) -> None:
    response = client.put(f"{PLANS}/{plan['id']}", json=new_plan(), headers={"If-Match": "*"})

    assert response.status_code == 200


def test_a_deleted_plan_is_gone(client: TestClient, plan: Json) -> None:
    address = f"{PLANS}/{plan['id']}"

    response = client.delete(address, headers={"If-Match": '"1"'})

    assert (response.status_code, response.content) == (204, b"")
    assert client.get(address).status_code == 404
    assert client.delete(address, headers={"If-Match": '"1"'}).status_code == 404
    assert client.put(address, json=new_plan(), headers={"If-Match": "*"}).status_code == 404


@pytest.mark.parametrize("plan_id", ["pl_0000000000000000", "pl_1", "%00", "..%2f", "x" * 500])
def test_an_unknown_plan_is_a_problem(client: TestClient, plan_id: str) -> None:
    response = client.get(f"{PLANS}/{plan_id}")

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_the_list_is_read_page_by_page_from_new_to_old(client: TestClient) -> None:
    names = [f"Plan {number}" for number in range(5)]
    for name in names:
        client.post(PLANS, json=new_plan(name=name))

    seen: list[str] = []
    query: dict[str, str | int] = {"limit": 2}
    while True:
        page = client.get(PLANS, params=query).json()
        seen += [item["name"] for item in page["items"]]
        assert "result" not in page["items"][0]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert seen == names[::-1]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%%%",
        "ü",
        base64.urlsafe_b64encode(b"2026-11-23|pl_0000000000000000").decode(),
        base64.urlsafe_b64encode(b"2026-11-23T00:00:00+00:00|'; DROP").decode(),
    ],
)
def test_a_cursor_of_ones_own_is_refused(client: TestClient, cursor: str) -> None:
    response = client.get(PLANS, params={"cursor": cursor})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/query/cursor"


@pytest.mark.parametrize("limit", ["0", "201", "many"])
def test_a_limit_is_between_1_and_200(client: TestClient, limit: str) -> None:
    response = client.get(PLANS, params={"limit": limit})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/query/limit"


def test_the_same_key_and_body_get_the_first_answer_again(client: TestClient) -> None:
    key = {"Idempotency-Key": "quote-1042"}
    first = client.post(PLANS, json=new_plan(), headers=key)
    client.put(first.headers["location"], json=new_plan(name="New"), headers={"If-Match": "*"})

    again = client.post(PLANS, json=new_plan(), headers=key)

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["etag"] == first.headers["etag"]
    assert len(client.get(PLANS).json()["items"]) == 1


def test_the_order_of_keys_does_not_make_another_body(client: TestClient) -> None:
    key = {"Idempotency-Key": "quote-1042", "Content-Type": "application/json"}
    body = new_plan()
    turned = json.dumps(dict(reversed(body.items())))
    first = client.post(PLANS, content=json.dumps(body), headers=key)

    again = client.post(PLANS, content=turned, headers=key)

    assert again.content == first.content


def test_the_same_key_with_another_body_is_refused(client: TestClient) -> None:
    key = {"Idempotency-Key": "quote-1042"}
    client.post(PLANS, json=new_plan(), headers=key)

    other_body = client.post(PLANS, json=new_plan(name="Other"), headers=key)
    other_route = client.post("/api/v1/hardware-profiles", json=new_hardware_profile(), headers=key)

    for response in (other_body, other_route):
        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == "/header/idempotency-key"
    assert len(client.get(PLANS).json()["items"]) == 1


def test_a_refused_request_does_not_use_its_key_up(client: TestClient) -> None:
    key = {"Idempotency-Key": "quote-1042"}
    refused = client.post(PLANS, json=new_plan(request={"model": {"id": "no"}}), headers=key)

    assert refused.status_code == 422
    assert client.post(PLANS, json=new_plan(), headers=key).status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_a_key_is_visible_ascii(client: TestClient, key: str) -> None:
    response = client.post(PLANS, json=new_plan(), headers={"Idempotency-Key": key})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/header/idempotency-key"
