from __future__ import annotations

import logging

import pytest
from starlette.testclient import TestClient

from app.http.request_id import RequestIdFilter


def test_a_well_formed_id_of_the_caller_is_kept(client: TestClient) -> None:
    response = client.get("/healthz", headers={"X-Request-ID": "quote-1042.a_b"})

    assert response.headers["x-request-id"] == "quote-1042.a_b"


@pytest.mark.parametrize("offered", ["", "short", "a b c d e f", "x" * 65, '"><script>'])
def test_any_other_id_is_replaced(client: TestClient, offered: str) -> None:
    response = client.get("/healthz", headers={"X-Request-ID": offered})

    assert response.headers["x-request-id"] != offered
    assert len(response.headers["x-request-id"]) == 16


def test_ids_differ(client: TestClient) -> None:
    ids = {client.get("/healthz").headers["x-request-id"] for _ in range(5)}

    assert len(ids) == 5


def test_the_log_outside_of_a_request_has_a_dash() -> None:
    record = logging.LogRecord("name", logging.INFO, "path", 1, "message", None, None)

    assert RequestIdFilter().filter(record)
    assert vars(record)["request_id"] == "-"
