from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.http.access import COOKIE
from app.main import create_app
from app.settings import Settings
from tests.conftest import ADDRESS

SECURE = "https://shardplan.example"
FORM = {"Origin": SECURE}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database_url=f"sqlite:///{tmp_path}/shardplan.db", access="keys")


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=SECURE, follow_redirects=False) as client:
        yield client


@pytest.fixture
def key(app: FastAPI, client: TestClient) -> str:
    return str(app.state.services.access.create_key("Laptop", "Sales", "write").secret)


def sign_in(client: TestClient, key: str, wanted: str = "/plans") -> str:
    """Where the form led to."""
    response = client.post("/sign-in", data={"key": key, "next": wanted}, headers=FORM)
    assert response.status_code == 303, response.text
    return response.headers["location"]


def test_a_page_leads_to_the_form_and_the_form_back_to_the_page(
    client: TestClient, key: str
) -> None:
    first = client.get("/?model=a%2Fb&gpu=h100-80-sxm")
    form = client.get(first.headers["location"]).text
    wanted = re.findall(r'name="next" value="([^"]*)"', form)[-1].replace("&amp;", "&")

    assert sign_in(client, key, wanted) == "/?model=a%2Fb&gpu=h100-80-sxm"
    assert client.get("/plans").status_code == 200
    assert "Sign out" in client.get("/plans").text


def test_a_form_that_was_sent_too_late_leads_back_to_its_page(client: TestClient) -> None:
    headers = FORM | {"Referer": f"{SECURE}/?gpu=h100-80-sxm"}

    response = client.post("/plans", data={"query": "a=b"}, headers=headers)

    assert response.headers["location"] == "/sign-in?next=%2F%3Fgpu%3Dh100-80-sxm"


def test_another_sites_address_is_not_gone_back_to(client: TestClient) -> None:
    response = client.post("/plans", headers=FORM | {"Referer": "https://evil.example/x"})

    assert response.status_code == 303
    assert response.headers["location"] == "/sign-in?next=%2F"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\r\nLocation: //evil.example",
        "javascript:x",
        "data:text/html,x",
        "",
    ],
)
def test_the_form_leads_nowhere_else(client: TestClient, key: str, wanted: str) -> None:
    form = client.get("/sign-in", params={"next": wanted}).text
    assert re.findall(r'name="next" value="([^"]*)"', form)[-1] == "/"
    assert sign_in(client, key, wanted) == "/"


def test_the_cookie_is_for_this_host_over_tls_and_out_of_scripts_reach(
    client: TestClient, key: str
) -> None:
    response = client.post("/sign-in", data={"key": key}, headers=FORM)

    cookie = response.headers["set-cookie"]
    assert COOKIE == "__Host-shardplan"
    assert re.fullmatch(
        rf"{COOKIE}=[\w-]{{43}}; HttpOnly; Max-Age=43\d\d\d; Path=/; SameSite=lax; Secure", cookie
    )
    assert key not in cookie
    assert response.headers["cache-control"] == "no-store"


def test_signing_in_again_ends_the_session_that_there_was(client: TestClient, key: str) -> None:
    tokens = []
    for _ in range(2):
        response = client.post("/sign-in", data={"key": key}, headers=FORM)
        tokens.append(response.cookies[COOKIE])
    client.cookies.clear()

    statuses = [
        client.get("/api/v1/plans", headers={"Cookie": f"{COOKIE}={token}"}).status_code
        for token in tokens
    ]
    assert statuses == [401, 200]


def test_a_session_that_somebody_planted_is_not_the_one_that_is_signed_in(
    client: TestClient, key: str
) -> None:
    planted = {"Cookie": f"{COOKIE}={'A' * 43}"}

    response = client.post("/sign-in", data={"key": key}, headers=FORM | planted)

    assert response.cookies[COOKIE] != "A" * 43
    client.cookies.clear()
    assert client.get("/api/v1/plans", headers=planted).status_code == 401


def test_a_wrong_key_leaves_the_session_that_there_is(client: TestClient, key: str) -> None:
    sign_in(client, key)
    client.post("/sign-in", data={"key": "wrong"}, headers=FORM)
    assert client.get("/plans").status_code == 200


@pytest.mark.parametrize("wrong", ["", "wrong", "shardplan_" + "A" * 43])
def test_a_wrong_key_is_said_beside_the_field(client: TestClient, wrong: str) -> None:
    response = client.post("/sign-in", data={"key": wrong, "next": "/plans"}, headers=FORM)

    assert response.status_code == 422
    assert "This key does not work." in response.text
    assert 'aria-invalid="true"' in response.text
    assert 'name="next" value="/plans"' in response.text
    assert "set-cookie" not in response.headers


def test_the_field_hides_the_key_and_lets_password_managers_fill_it(client: TestClient) -> None:
    (field,) = re.findall(r'<input id="key"[^>]*>', client.get("/sign-in").text)
    assert 'type="password"' in field
    assert 'autocomplete="current-password"' in field
    assert not re.search("onpaste|oncopy|readonly", field)


def test_signing_out_ends_the_session_for_everybody_who_has_it(
    client: TestClient, key: str
) -> None:
    sign_in(client, key)
    token = client.cookies[COOKIE]

    response = client.post("/sign-out", headers=FORM)

    assert response.headers["location"] == "/sign-in"
    assert response.headers["clear-site-data"] == '"cache", "storage"'
    assert COOKIE not in client.cookies
    stolen = {"Cookie": f"{COOKIE}={token}"}
    assert client.get("/api/v1/plans", headers=stolen).status_code == 401


def test_another_site_cannot_sign_somebody_in_or_out(client: TestClient, key: str) -> None:
    elsewhere = {"Origin": "https://evil.example"}

    assert client.post("/sign-in", data={"key": key}, headers=elsewhere).status_code == 403
    sign_in(client, key)
    assert client.post("/sign-out", headers=elsewhere).status_code == 403
    assert client.get("/plans").status_code == 200


def test_a_key_that_reads_is_told_so_where_it_would_write(app: FastAPI, client: TestClient) -> None:
    reader = app.state.services.access.create_key("Wall screen", "Sales", "read").secret
    sign_in(client, reader)

    response = client.post("/plans", data={"query": ""}, headers=FORM)

    assert response.status_code == 403
    assert "may read only" in response.text


def test_an_address_without_tls_says_why_the_sign_in_will_not_last(settings: Settings) -> None:
    app = create_app(settings)
    for address, said in (("http://shardplan.example", True), (ADDRESS, False), (SECURE, False)):
        with TestClient(app, base_url=address) as client:
            assert ("not encrypted" in client.get("/sign-in").text) == said


def test_neither_keys_nor_sessions_are_logged(
    client: TestClient, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sign_in(client, key)
    client.get("/plans")
    client.get("/api/v1/plans", headers={"Authorization": f"Bearer {key}"})

    assert key not in caplog.text
    assert client.cookies[COOKIE] not in caplog.text
