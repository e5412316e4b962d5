"""The API on each database: what depends on how transactions meet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.settings import Settings
from tests.factories import Json, new_plan

PLANS = "/api/v1/plans"


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url)


@pytest.fixture
def plan(client: TestClient) -> Json:
    return dict(client.post(PLANS, json=new_plan()).json())


def test_a_plan_reads_back_to_the_byte_and_its_share_opens(client: TestClient) -> None:
    created = client.post(PLANS, json=new_plan(name="Größe 😀"))
    address = created.headers["location"]

    share = client.post(f"{address}/shares", json={}).json()

    assert client.get(address).content == created.content
    assert client.get(f"/api/v1/shares/{share['token']}").json()["name"] == "Größe 😀"
    assert client.get("/readyz").status_code == 200


def test_of_twenty_racing_writers_one_wins(client: TestClient, plan: Json) -> None:
    def change(number: int) -> int:
        body = new_plan(name=f"Writer {number}")
        address = f"{PLANS}/{plan['id']}"
        return client.put(address, json=body, headers={"If-Match": '"1"'}).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(change, range(20)))

    assert sorted(statuses) == [200] + [412] * 19
    now = client.get(f"{PLANS}/{plan['id']}").json()
    assert (now["version"], now["name"]) == (2, f"Writer {statuses.index(200)}")


def test_a_race_of_the_same_key_makes_one_plan(client: TestClient) -> None:
    def save(_: int) -> tuple[int, bytes]:
        headers = {"Idempotency-Key": "quote-1042"}
        response = client.post(PLANS, json=new_plan(), headers=headers)
        return response.status_code, response.content

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(save, range(20)))

    ((status, _),) = answers
    assert status == 201
    assert len(client.get(PLANS).json()["items"]) == 1


def test_fifty_programs_can_save_at_once(client: TestClient) -> None:
    def save(number: int) -> int:
        return client.post(PLANS, json=new_plan(name=f"Plan {number}")).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(save, range(50))) == {201}

    assert len(client.get(PLANS, params={"limit": 100}).json()["items"]) == 50


def test_deleting_a_plan_while_it_is_shared_is_never_an_error(client: TestClient) -> None:
    def delete_or_share(number: int) -> int:
        if number == 5:
            return client.delete(address, headers={"If-Match": "*"}).status_code
        return client.post(f"{address}/shares", json={}).status_code

    address = client.post(PLANS, json=new_plan()).headers["location"]
    with ThreadPoolExecutor(10) as pool:
        statuses = set(pool.map(delete_or_share, range(10)))

    assert 204 in statuses
    assert statuses <= {201, 204, 404}


def test_a_database_that_takes_no_writes_still_opens_plans_and_links(
    app: FastAPI, client: TestClient, plan: Json
) -> None:
    token = client.post(f"{PLANS}/{plan['id']}/shares", json={}).json()["token"]
    database = app.state.services.database
    database._writer = database._reader  # as on a standby

    for address in (f"{PLANS}/{plan['id']}", f"/api/v1/shares/{token}", f"/s/{token}"):
        assert client.get(address).status_code == 200
    assert client.post(PLANS, json=new_plan()).status_code == 503
