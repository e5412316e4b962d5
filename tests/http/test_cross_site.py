from __future__ import annotations

import pytest
from starlette.testclient import TestClient

HERE = "http://127.0.0.1"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": HERE},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": f"{HERE}:8080"},
        {"Origin": "http://["},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/plans"), ("POST", "/api/v1/plans/pl_1/shares"), ("DELETE", "/api/v1/plans/pl_1")],
)
def test_another_site_cannot_change_anything(
    client: TestClient, method: str, path: str, headers: dict[str, str]
) -> None:
    response = client.request(method, path, headers=headers)

    assert response.status_code == 403
    assert "another site" in response.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": HERE},
        {"Sec-Fetch-Site": "none"},
        {"Origin": HERE},
        {"Origin": "https://127.0.0.1"},
    ],
)
def test_our_own_pages_and_programs_pass(client: TestClient, headers: dict[str, str]) -> None:
    assert client.delete("/api/v1/plans/pl_1", headers=headers).status_code == 428


def test_reading_from_another_site_is_a_link(client: TestClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}

    assert client.get("/api/v1/plans", headers=headers).status_code == 200
