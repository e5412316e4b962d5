"""What becomes of a plan: versions, copies, and what it would be today."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.schemas.planning import PlanResult
from app.services.plans import Plan
from app.services.recalculating import compared
from tests.factories import Json, estimate_request, new_hardware_profile, new_plan

PLANS = "/api/v1/plans"


@pytest.fixture
def plan(client: TestClient) -> Json:
    return dict(client.post(PLANS, json=new_plan(name="Northwind")).json())


@pytest.fixture
def path(plan: Json) -> str:
    return f"{PLANS}/{plan['id']}"


def changed(client: TestClient, path: str, version: int, **changes: Any) -> Json:
    headers = {"If-Match": f'"{version}"'}
    response = client.put(path, json=new_plan(**changes), headers=headers)
    assert response.status_code == 200
    return dict(response.json())


def test_the_files_that_run_it_are_kept_with_a_plan(client: TestClient, plan: Json) -> None:
    request = {**new_plan()["request"], "strategy": "zero3"}
    del request["strategies"]

    today = client.post("/api/v1/configurations", json=request).json()

    assert plan["configurations"] == {"zero3": today["configs"]}
    assert {"deepspeed_json", "launch_command"} <= {
        file["format"] for file in plan["configurations"]["zero3"]
    }


def test_a_strategy_that_cannot_be_has_no_files(client: TestClient) -> None:
    body = new_plan(request=estimate_request(strategies=["zero3", "fsdp2_hybrid"]))

    kept = client.post(PLANS, json=body).json()["configurations"]

    assert set(kept) == {"zero3"}  # a hybrid needs a second node


def test_kept_files_and_results_do_not_follow_the_code(
    app: FastAPI, client: TestClient, plan: Json, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("computed while reading")

    services = app.state.services
    monkeypatch.setattr(type(services.planner), "plan", fail)
    monkeypatch.setattr("app.services.freezing.configurations", fail)
    share = client.post(f"{path}/shares", json={}).json()

    assert client.get(path).json() == plan
    assert (
        client.get(f"/api/v1/shares/{share['token']}").json()["configurations"]
        == (plan["configurations"])
    )
    for page in (f"/plans/{plan['id']}", f"/s/{share['token']}"):
        assert client.get(page).status_code == 200


def test_the_price_of_the_card_is_kept_with_its_date(client: TestClient, plan: Json) -> None:
    gpu = client.get("/api/v1/gpus/h100-80-sxm").text

    price = plan["job"]["hardware"]["price"]

    assert price["kind"] in ("street", "list")
    assert price["source"] in gpu
    assert price["as_of"] in gpu


def test_every_version_is_listed_and_reads_back_as_it_was_saved(
    client: TestClient, plan: Json, path: str
) -> None:
    second = changed(client, path, 1, name="Northwind, 4 GPUs")
    third = changed(client, path, 2, name="Northwind, 8 GPUs")

    listed = client.get(f"{path}/versions").json()

    assert [(v["version"], v["name"]) for v in listed["items"]] == [
        (3, "Northwind, 8 GPUs"),
        (2, "Northwind, 4 GPUs"),
        (1, "Northwind"),
    ]
    assert listed["next_cursor"] is None
    assert client.get(f"{path}/versions/1").json() == plan
    assert client.get(f"{path}/versions/2").json() == second
    assert client.get(f"{path}/versions/3").json() == client.get(path).json() == third
    assert client.get(f"{path}/versions/1").headers["etag"] == '"1"'


def test_versions_are_read_page_by_page(client: TestClient, path: str) -> None:
    for version in (1, 2, 3):
        changed(client, path, version)

    seen, cursor = [], None
    while True:
        parameters = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = client.get(f"{path}/versions", params=parameters).json()
        seen += [version["version"] for version in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == [4, 3, 2, 1]


@pytest.mark.parametrize("version", [2, 2_147_483_647])
def test_a_version_that_is_not_there_is_not_found(
    client: TestClient, path: str, version: int
) -> None:
    assert client.get(f"{path}/versions/{version}").status_code == 404


@pytest.mark.parametrize("version", ["0", "-1", "x", "9999999999"])
def test_what_cannot_be_a_version_is_refused(client: TestClient, path: str, version: str) -> None:
    assert client.get(f"{path}/versions/{version}").status_code == 422


def test_a_foreign_cursor_is_refused(client: TestClient, path: str) -> None:
    answer = client.get(f"{path}/versions", params={"cursor": "abc"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/query/cursor"


def test_a_refused_change_makes_no_version(client: TestClient, path: str) -> None:
    changed(client, path, 1)
    client.put(path, json=new_plan(), headers={"If-Match": '"1"'})

    assert len(client.get(f"{path}/versions").json()["items"]) == 2


def test_a_link_shows_the_version_that_it_was_made_for(
    client: TestClient, plan: Json, path: str
) -> None:
    share = client.post(f"{path}/shares", json={}).json()
    changed(client, path, 1, name="Northwind, changed")

    opened = client.get(f"/api/v1/shares/{share['token']}").json()

    assert (opened["version"], opened["name"]) == (1, "Northwind")
    assert opened["result"] == plan["result"]
    assert client.get(f"{path}/shares").json()["items"][0]["plan_version"] == 1


def test_a_copy_is_the_plan_to_the_byte_under_another_name(
    client: TestClient, plan: Json, path: str
) -> None:
    answer = client.post(f"{path}/copies")

    copy = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{PLANS}/{copy['id']}"
    assert copy["name"] == "Copy of Northwind"
    own = {"id", "name", "created_at", "updated_at"}
    assert {k: v for k, v in copy.items() if k not in own} == {
        k: v for k, v in plan.items() if k not in own
    }
    assert client.post(f"{path}/copies", json={"name": "B"}).json()["name"] == "B"


def test_recalculating_shows_no_change_while_nothing_has_changed(
    client: TestClient, path: str
) -> None:
    answer = client.get(f"{path}/recalculation").json()

    assert (answer["changed"], answer["verdict_changed"]) == (0, False)
    assert {value["why"] for value in answer["values"]} == {""}
    assert all(value["stored"] == value["today"] for value in answer["values"])


def test_recalculating_shows_what_moved_by_how_much_and_why(client: TestClient) -> None:
    def machine(usable: int) -> Json:
        return new_hardware_profile(gpu="h100-80-sxm", usable_memory_bytes=usable)

    profile = client.post("/api/v1/hardware-profiles", json=machine(60_000_000_000)).json()
    body = new_plan()
    body["request"]["hardware"] = {"profile": profile["id"]}
    plan = client.post(PLANS, json=body).json()
    client.put(
        f"/api/v1/hardware-profiles/{profile['id']}",
        json=machine(2_000_000_000),
        headers={"If-Match": '"1"'},
    )

    answer = client.get(f"{PLANS}/{plan['id']}/recalculation").json()

    values = {value["name"]: value for value in answer["values"]}
    usable, verdict = values["usable_bytes"], values["verdict"]
    assert (usable["stored"], usable["today"]) == (60_000_000_000, 2_000_000_000)
    assert usable["change"] == -58_000_000_000
    assert usable["why"] == "Changed: usable memory"
    assert (verdict["stored"], verdict["today"]) == ("Fits", "Does not fit")
    assert values["headroom_bytes"]["why"] == "Usable minus peak"
    assert answer["verdict_changed"]
    assert answer["changed"] == sum(v["stored"] != v["today"] for v in answer["values"])
    assert client.get(f"{PLANS}/{plan['id']}").json() == plan


def test_another_engine_and_catalogue_are_named_as_the_reason(
    app: FastAPI, client: TestClient, plan: Json
) -> None:
    services = app.state.services
    stored: Plan = services.plans.get(plan["id"])
    old = stored.result()
    old.estimate.engine_version, old.estimate.catalog_version = "0.9.0", "2025.01"
    assert old.estimate.estimates[0].peak is not None
    old.estimate.estimates[0].peak.allocated_bytes -= 2**30

    today: PlanResult = stored.result()
    answer = compared(stored.job(), old, stored.job(), today)

    (peak,) = (value for value in answer.values if value.name == "peak_bytes")
    assert peak.change == 2**30
    assert peak.why.startswith("Engine 0.9.0 → ")
    assert "catalogue 2025.01 → " in peak.why


def test_a_new_price_is_named_with_its_date(app: FastAPI, plan: Json) -> None:
    stored: Plan = app.state.services.plans.get(plan["id"])
    job = stored.job()
    gpu = replace(job.hardware.gpu, price_low_cents=1)
    old = replace(job, hardware=replace(job.hardware, gpu=gpu))

    answer = compared(old, stored.result(), job, stored.result())

    (moved,) = (value for value in answer.values if value.why)
    assert moved.name == "card_price_low_cents"
    assert plan["job"]["hardware"]["price"]["as_of"] in moved.why


def test_recalculating_makes_a_new_plan_and_leaves_the_old_one(
    client: TestClient, plan: Json, path: str
) -> None:
    answer = client.post(f"{path}/recalculations", headers={"Idempotency-Key": "r-1"})
    again = client.post(f"{path}/recalculations", headers={"Idempotency-Key": "r-1"})

    new = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{PLANS}/{new['id']}"
    assert new["name"].startswith("Northwind, recalculated ")
    assert new["request"] == plan["request"]
    assert again.json() == new
    assert client.get(path).json() == plan
    assert len(client.get(PLANS).json()["items"]) == 2


def test_a_plan_whose_profile_is_gone_cannot_be_recalculated_but_is_still_there(
    client: TestClient,
) -> None:
    profile = client.post("/api/v1/hardware-profiles", json=new_hardware_profile()).json()
    body = new_plan()
    body["request"]["hardware"] = {"profile": profile["id"]}
    plan = client.post(PLANS, json=body).json()
    client.delete(f"/api/v1/hardware-profiles/{profile['id']}", headers={"If-Match": "*"})

    for method, action in (("GET", "recalculation"), ("POST", "recalculations")):
        answer = client.request(method, f"{PLANS}/{plan['id']}/{action}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/request/hardware/profile"
    assert client.get(f"{PLANS}/{plan['id']}").json() == plan


def test_the_digest_is_that_of_the_stored_result(
    app: FastAPI, client: TestClient, plan: Json, path: str
) -> None:
    stored: Plan = app.state.services.plans.get(plan["id"])
    text = client.get(path).text
    start = text.index('"result":') + len('"result":')
    result = text[start : text.index(',"configurations":')]

    assert stored.digest == hashlib.sha256(result.encode()).hexdigest()
