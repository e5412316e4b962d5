from __future__ import annotations

import pytest
from starlette.testclient import TestClient


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("plans", "use cursor or limit"),
        ("model-profiles", "use cursor or limit"),
        ("models", "this address takes none"),
        ("gpus/l4", "this address takes none"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_parameter_that_no_route_reads_is_refused(
    client: TestClient, address: str, known: str, method: str
) -> None:
    response = client.request(method, f"/api/v1/{address}?page=2")

    assert response.status_code == 422
    if method == "GET":
        assert response.json()["errors"] == [
            {"pointer": "/query/page", "detail": f"There is no parameter 'page': {known}."}
        ]


def test_every_unknown_parameter_is_named_and_known_ones_are_not(client: TestClient) -> None:
    response = client.get("/api/v1/plans?limit=5&page=2&sort=a%2Fb&a/b=1")

    found = [error["pointer"] for error in response.json()["errors"]]
    assert found == ["/query/page", "/query/sort", "/query/a~1b"]


def test_the_parameters_of_a_list_are_taken(client: TestClient) -> None:
    assert client.get("/api/v1/plans?limit=5").status_code == 200
