from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.http.access import COOKIE
from app.main import create_app
from app.services.access import SCOPES, AccessService
from app.settings import Settings
from tests.conftest import ADDRESS
from tests.factories import new_plan
from tests.web.test_plans import cells, saved, shared


def test_a_shared_plan_is_the_stored_one_read_only_and_private(client: TestClient) -> None:
    path = saved(client, name="Northwind")
    response = client.get(shared(client, path))
    assert response.status_code == 200
    assert "Shared plan, read only." in response.text
    assert set(cells(response.text)) <= set(cells(client.get(path).text))
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert '<meta name="robots" content="noindex' in response.text


def test_a_shared_plan_offers_nothing_that_changes_it(client: TestClient) -> None:
    text = client.get(shared(client, saved(client))).text
    assert re.findall(r'<form[^>]* action="([^"]*)"', text) == ["/theme", "/plans/from-link"]
    assert "data-apply" not in text
    assert ">Apply<" not in text


def test_unknown_and_malformed_links_are_the_same_sentence(client: TestClient) -> None:
    answers = [client.get(f"/s/{token}") for token in ("x", "A" * 32, "%3Cscript%3E")]
    assert {answer.status_code for answer in answers} == {404}
    assert all("This link does not work." in answer.text for answer in answers)


def test_what_a_link_shows_can_be_kept_among_ones_own_plans(client: TestClient) -> None:
    path = saved(client, name="Northwind")
    link = shared(client, path)

    kept = client.post("/plans/from-link", data={"token": link.rsplit("/", 1)[-1]})

    assert kept.status_code == 200
    assert str(kept.url).removeprefix(ADDRESS) not in (path, link)
    assert "<h1>Copy of Northwind</h1>" in kept.text
    assert set(cells(client.get(link).text)) <= set(cells(kept.text))


def test_a_dead_link_cannot_be_kept(client: TestClient) -> None:
    for token in ("", "x", "A" * 32):
        assert client.post("/plans/from-link", data={"token": token}).status_code == 404
    assert "No plan is saved yet." in client.get("/plans").text


@pytest.fixture
def with_keys(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/keys.db", access="keys")
    with TestClient(create_app(settings), base_url=ADDRESS, follow_redirects=False) as client:
        yield client


def test_with_keys_a_link_is_kept_in_the_workspace_of_who_may_write(with_keys: TestClient) -> None:
    access: AccessService = with_keys.app.state.services.access  # type: ignore[attr-defined]
    ours = access.create_key("x", "Sales", "write").secret
    owner = {"Authorization": f"Bearer {ours}"}
    plan = with_keys.post("/api/v1/plans", json=new_plan(), headers=owner).json()["id"]
    made = with_keys.post(f"/api/v1/plans/{plan}/shares", json={}, headers=owner).json()
    form, offer = {"token": made["token"]}, 'action="/plans/from-link"'

    def by(secret: str) -> dict[str, str]:
        session = access.sign_in(secret)
        assert session is not None
        return {"Cookie": f"{COOKIE}={session.token}", "Origin": ADDRESS}

    reader, writer = (by(access.create_key("x", "Support", scope).secret) for scope in SCOPES)
    pages = [with_keys.get(f"/s/{made['token']}", headers=who).text for who in (writer, reader, {})]
    assert [offer in page for page in pages] == [True, False, False]
    assert with_keys.post("/plans/from-link", data=form, headers=reader).status_code == 403
    sent_away = with_keys.post("/plans/from-link", data=form)
    assert sent_away.headers["location"].startswith("/sign-in")
    assert made["token"] not in sent_away.headers["location"]

    kept = with_keys.post("/plans/from-link", data=form, headers=writer).headers["location"]

    assert with_keys.get(kept, headers=writer).status_code == 200
    assert with_keys.get(kept, headers=owner).status_code == 404
    assert len(with_keys.get("/api/v1/plans", headers=owner).json()["items"]) == 1
