from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.factories import new_plan


@pytest.fixture(params=["https", "http"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/x.db", allow_remote=True)
    address = f"{request.param}://plans.example"
    with TestClient(create_app(settings), base_url=address, follow_redirects=False) as client:
        yield client


def test_every_cookie_is_bound_to_tls_where_there_is_tls(client: TestClient) -> None:
    plan = client.post("/api/v1/plans", json=new_plan()).json()["id"]
    answers = {
        "theme": client.post("/theme", data={"theme": "dark"}),
        "compare": client.get(f"/compare?plan={plan}"),
        "fresh_link": client.post(f"/plans/{plan}/shares", data={"expires_in_days": "30"}),
    }
    tls = client.base_url.scheme == "https"
    for name, answer in answers.items():
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"__Secure-{name}=" if tls else f"{name}=")
        assert ("; Secure" in cookie) == tls
        assert "; HttpOnly" in cookie
        assert "; SameSite=" in cookie


def test_a_cookie_is_read_and_dropped_under_the_name_that_it_was_given(client: TestClient) -> None:
    plan = client.post("/api/v1/plans", json=new_plan()).json()["id"]
    client.post("/theme", data={"theme": "dark"})
    client.post(f"/plans/{plan}/shares", data={"expires_in_days": "30"})

    first, second = (client.get(f"/plans/{plan}").text for _ in range(2))
    assert 'data-theme="dark"' in first
    assert ("share-link" in first, "share-link" in second) == (True, False)
    client.post("/theme", data={"theme": ""})
    assert 'data-theme="dark"' not in client.get(f"/plans/{plan}").text
    assert not [name for name in client.cookies if "compare" not in name]
