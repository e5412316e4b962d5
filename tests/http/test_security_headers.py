from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings

EXPECTED = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self' https://cdn.jsdelivr.net; "
        "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/healthz", 200),
        ("GET", "/favicon.ico", 200),
        ("GET", "/api/v1/models", 200),
        ("GET", "/static/favicon.svg", 200),
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/nothing", 404),
        ("PUT", "/healthz", 405),
        ("POST", "/api/v1/estimates", 422),
        ("GET", "/api/v1/crash", 500),
    ],
)
def test_every_kind_of_answer_carries_the_headers(
    app: FastAPI, client: TestClient, method: str, path: str, status: int
) -> None:
    def crash() -> None:
        raise RuntimeError

    app.add_api_route("/api/v1/crash", crash)

    response = client.request(method, path)

    assert response.status_code == status
    assert EXPECTED.items() <= dict(response.headers).items()
    assert response.headers["x-request-id"]
    assert response.headers["cache-control"]


def test_the_policy_allows_nothing_inline() -> None:
    policy = EXPECTED["content-security-policy"]

    assert "unsafe" not in policy
    assert "*" not in policy


@pytest.mark.parametrize(
    ("address", "promised"),
    [
        ("https://plans.example", "max-age=31536000"),
        ("http://plans.example", None),
        ("https://localhost:8443", None),  # would bind every other port of this machine
        ("https://127.0.0.1", None),
    ],
)
def test_a_name_that_is_served_over_tls_stays_there(
    settings: Settings, address: str, promised: str | None
) -> None:
    app = create_app(settings.model_copy(update={"allow_remote": True}))
    with TestClient(app, base_url=address) as client:
        for path in ("/healthz", "/nothing", "/static/favicon.svg"):
            assert client.get(path).headers.get("strict-transport-security") == promised
