from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.settings import Settings
from tests.factories import Json, new_plan


@pytest.fixture
def plan(client: TestClient) -> Json:
    return dict(client.post("/api/v1/plans", json=new_plan()).json())


@pytest.fixture
def shares(plan: Json) -> str:
    return f"/api/v1/plans/{plan['id']}/shares"


def without_reference(problem: Json) -> Json:
    return {k: v for k, v in problem.items() if k not in ("request_id", "instance")}


def test_a_share_opens_the_plan_as_it_is_stored(
    client: TestClient, plan: Json, shares: str
) -> None:
    created = client.post(shares, json={"expires_in_days": 90})

    share = created.json()
    assert created.status_code == 201
    assert created.headers["location"] == f"{shares}/{share['id']}"
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", share["token"])
    assert share["url"] == f"http://127.0.0.1/s/{share['token']}"
    opened = client.get(f"/api/v1/shares/{share['token']}")
    assert opened.status_code == 200
    assert opened.json() == plan | {"expires_at": share["expires_at"]}
    assert opened.headers["cache-control"] == "no-store"


def test_a_share_ends_after_the_days_asked_for(client: TestClient, shares: str) -> None:
    share = client.post(shares, json={"expires_in_days": 7}).json()

    ends = datetime.fromisoformat(share["expires_at"])

    assert timedelta(days=6.99) < ends - datetime.now(UTC) <= timedelta(days=7)


def test_a_share_without_an_end_is_asked_for_with_null(client: TestClient, shares: str) -> None:
    assert client.post(shares, json={"expires_in_days": None}).json()["expires_at"] is None


def test_without_a_body_a_share_ends_after_90_days(client: TestClient, shares: str) -> None:
    share = client.post(shares).json()

    assert datetime.fromisoformat(share["expires_at"]) > datetime.now(UTC) + timedelta(days=89)


@pytest.mark.parametrize("days", [0, -1, 3_651, 1.5, "soon"])
def test_a_share_lives_between_a_day_and_ten_years(
    client: TestClient, shares: str, days: object
) -> None:
    response = client.post(shares, json={"expires_in_days": days})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/expires_in_days"


def test_the_list_shows_shares_without_their_tokens(client: TestClient, shares: str) -> None:
    share = client.post(shares, json={}).json()

    (listed,) = client.get(shares).json()["items"]

    assert listed["id"] == share["id"]
    assert listed["expires_at"] == share["expires_at"]
    assert (listed["revoked_at"], listed["last_opened_at"]) == (None, None)
    assert share["token"] not in client.get(shares).text


def test_opening_is_remembered(client: TestClient, shares: str) -> None:
    share = client.post(shares, json={}).json()
    client.get(f"/api/v1/shares/{share['token']}")

    (listed,) = client.get(shares).json()["items"]

    assert listed["last_opened_at"] is not None


def test_a_database_that_takes_no_writes_still_shows_a_share(
    app: FastAPI, client: TestClient, shares: str
) -> None:
    share = client.post(shares, json={}).json()
    with app.state.services.database._writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")

    for address in (f"/api/v1/shares/{share['token']}", f"/s/{share['token']}"):
        assert client.get(address).status_code == 200
    assert client.post(shares, json={}).status_code == 503
    assert client.get(shares).json()["items"][0]["last_opened_at"] is None


def test_unknown_revoked_ended_and_malformed_tokens_are_the_same_404(
    app: FastAPI, client: TestClient, shares: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked = client.post(shares, json={}).json()
    assert client.delete(f"{shares}/{revoked['id']}").status_code == 204
    ended = client.post(shares, json={"expires_in_days": 1}).json()
    later = datetime.now(UTC) + timedelta(days=1)
    monkeypatch.setattr(app.state.services.shares, "_clock", lambda: later)

    tokens = [revoked["token"], ended["token"], "A" * 32, "short", "%00"]
    answers = [client.get(f"/api/v1/shares/{token}") for token in tokens]

    assert {answer.status_code for answer in answers} == {404}
    assert len({str(without_reference(answer.json())) for answer in answers}) == 1


def test_a_token_reads_and_does_nothing_else(client: TestClient, plan: Json, shares: str) -> None:
    made = client.post(shares, json={}).json()
    token, any_version = made["token"], {"If-Match": "*"}

    for method in ("PUT", "PATCH", "POST", "DELETE"):
        for path in (f"/api/v1/shares/{token}", f"/s/{token}"):
            answer = client.request(method, path, json=new_plan(), headers=any_version)
            assert answer.status_code == 405
    for plan_id in (token, f"s/{token}"):
        place = f"/api/v1/plans/{plan_id}"
        assert client.put(place, json=new_plan(), headers=any_version).status_code == 404
        assert client.delete(place, headers=any_version).status_code == 404
        assert client.get(f"{place}/shares").status_code == 404
        assert client.post(f"{place}/shares", json={}).status_code == 404
        assert client.delete(f"{place}/shares/{made['id']}").status_code == 404
    assert client.delete(f"{shares}/{token}").status_code == 404
    assert client.get(f"/api/v1/plans/{plan['id']}").json() == plan
    assert client.get(f"/api/v1/shares/{token}").status_code == 200


def test_a_share_is_revoked_once(client: TestClient, shares: str) -> None:
    share = client.post(shares, json={}).json()

    assert client.delete(f"{shares}/{share['id']}").status_code == 204
    assert client.delete(f"{shares}/{share['id']}").status_code == 404
    assert client.get(shares).json()["items"][0]["revoked_at"] is not None


def test_a_share_is_not_revoked_under_another_plan(client: TestClient, shares: str) -> None:
    share = client.post(shares, json={}).json()
    other = client.post("/api/v1/plans", json=new_plan()).json()

    response = client.delete(f"/api/v1/plans/{other['id']}/shares/{share['id']}")

    assert response.status_code == 404
    assert client.get(f"/api/v1/shares/{share['token']}").status_code == 200


@pytest.mark.parametrize("plan_id", ["pl_0000000000000000", "nothing"])
def test_an_unknown_plan_has_no_shares(client: TestClient, plan_id: str) -> None:
    address = f"/api/v1/plans/{plan_id}/shares"

    assert client.get(address).status_code == 404
    assert client.post(address, json={}).status_code == 404
    assert client.delete(f"{address}/sh_0000000000000000").status_code == 404


def test_deleting_the_plan_ends_its_shares(client: TestClient, plan: Json, shares: str) -> None:
    share = client.post(shares, json={}).json()

    client.delete(f"/api/v1/plans/{plan['id']}", headers={"If-Match": '"1"'})

    assert client.get(f"/api/v1/shares/{share['token']}").status_code == 404


def test_a_repeat_gets_the_share_without_its_token(client: TestClient, shares: str) -> None:
    key = {"Idempotency-Key": "share-1"}
    first = client.post(shares, json={"expires_in_days": 5}, headers=key)

    again = client.post(shares, json={"expires_in_days": 5}, headers=key)

    assert first.json()["token"] is not None
    assert again.status_code == 201
    assert again.json() == first.json() | {"token": None, "url": None}
    assert again.headers["location"] == first.headers["location"]
    assert len(client.get(shares).json()["items"]) == 1


def test_a_key_belongs_to_one_plan(client: TestClient, shares: str) -> None:
    key = {"Idempotency-Key": "share-1"}
    client.post(shares, json={}, headers=key)
    other = client.post("/api/v1/plans", json=new_plan()).json()

    response = client.post(f"/api/v1/plans/{other['id']}/shares", json={}, headers=key)

    assert response.status_code == 422


def test_the_token_is_nowhere_in_the_database(
    client: TestClient, shares: str, settings: Settings
) -> None:
    key = {"Idempotency-Key": "share-1"}
    token = client.post(shares, json={}, headers=key).json()["token"]
    client.get(f"/api/v1/shares/{token}")

    database = Path(settings.database_url.removeprefix("sqlite:///"))
    contents = b"".join(file.read_bytes() for file in database.parent.glob("shardplan.db*"))

    assert b"sh_" in contents
    assert token.encode() not in contents
