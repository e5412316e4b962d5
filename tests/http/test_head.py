from __future__ import annotations

import pytest
from starlette.testclient import TestClient


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api/v1/models", "/static/favicon.svg", "/nothing"]
)
def test_head_answers_as_get_does_without_the_body(client: TestClient, path: str) -> None:
    get, head = client.get(path), client.head(path)

    assert head.status_code == get.status_code
    assert head.content == b""
    for name in ("content-type", "content-length", "content-security-policy"):
        assert head.headers[name] == get.headers[name]


def test_head_is_refused_where_there_is_no_get(client: TestClient) -> None:
    assert client.head("/api/v1/estimates").status_code == 405
