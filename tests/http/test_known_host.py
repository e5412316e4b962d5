from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings

STRANGERS = [
    "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example",
    "evil.example:127.0.0.1", "127.0.0.1@evil.example", "[::1", "[::2]:8000", "0.0.0.0:8000", "",
]  # fmt: skip
OWN = ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8000", "app:8000"]


@pytest.mark.parametrize("host", STRANGERS)
def test_a_name_of_somebody_elses_is_misdirected(client: TestClient, host: str) -> None:
    answer = client.get("/api/v1/plans", headers={"Host": host})
    page = client.get("/plans", headers={"Host": host})

    assert (answer.status_code, page.status_code) == (421, 421)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Misdirected Request"
    assert page.headers["content-type"].startswith("text/html")
    assert "127.0.0.1" in page.text
    assert "content-security-policy" in page.headers


@pytest.mark.parametrize("host", STRANGERS)
def test_the_refusal_comes_before_anything_is_changed(client: TestClient, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}

    assert client.post("/api/v1/plans", json={}, headers=headers).status_code == 421


@pytest.mark.parametrize("host", OWN)
def test_the_names_of_this_machine_are_answered_on_any_port(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/plans", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("listens_on", "host"), [("127.0.0.2", "127.0.0.2:8000"), ("::1", "[::1]:8000")]
)
def test_the_address_that_is_listened_on_is_answered(
    tmp_path: Path, listens_on: str, host: str
) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/x.db", host=listens_on)
    with TestClient(create_app(settings), base_url=f"http://{host}") as client:
        assert client.get("/plans").status_code == 200


def test_where_something_else_decides_who_gets_in_every_name_is_answered(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/x.db", allow_remote=True)
    with TestClient(create_app(settings), base_url="https://plans.example") as client:
        assert client.get("/plans").status_code == 200
