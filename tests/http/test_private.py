from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from app.http.private import HEADERS
from tests.factories import new_plan


@pytest.mark.parametrize("path", ["/s/", "/api/v1/shares/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_live_and_dead_links_and_wrong_methods_are_private_alike(
    client: TestClient, path: str, method: str
) -> None:
    plan = client.post("/api/v1/plans", json=new_plan()).json()
    share = client.post(f"/api/v1/plans/{plan['id']}/shares", json={}).json()

    for token in (share["token"], "A" * 32, "short"):
        response = client.request(method, path + token)
        assert {name: response.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("path", ["/static/s/", "/plans", "/api/v1/plans"])
def test_other_addresses_may_be_indexed(client: TestClient, path: str) -> None:
    assert "x-robots-tag" not in client.get(path).headers
