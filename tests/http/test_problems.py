from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.services.errors import ServiceError
from app.storage.errors import StorageUnavailable
from tests.factories import new_plan

PROBLEM = "application/problem+json"


def test_an_unknown_path_of_the_api_is_a_problem(client: TestClient) -> None:
    response = client.get("/api/v1/nothing")

    assert (response.status_code, response.headers["content-type"]) == (404, PROBLEM)
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Nothing is at this address. Check the path.",
        "instance": "/api/v1/nothing",
        "request_id": response.headers["x-request-id"],
    }


def test_a_method_that_is_not_possible_names_those_that_are(client: TestClient) -> None:
    response = client.put("/api/v1/plans")

    assert (response.status_code, response.headers["content-type"]) == (405, PROBLEM)
    assert response.headers["allow"] == "GET, HEAD, POST"
    assert response.json()["detail"] == "PUT is not possible here. Use GET, POST."


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/models", "GET, HEAD"),
        ("/api/v1/estimates", "POST"),
        ("/api/v1/model-profiles/mp_1", "GET, HEAD, PUT, DELETE"),
        ("/plans", "GET, HEAD, POST"),
        ("/plans/pl_1/delete", "POST"),
        ("/openapi.json", "GET, HEAD"),
        ("/static/favicon.svg", "GET, HEAD"),
    ],
)
def test_the_methods_of_an_address_are_those_of_all_its_routes(
    client: TestClient, path: str, allowed: str
) -> None:
    response = client.request("PATCH", path)

    assert (response.status_code, response.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json"])
def test_errors_outside_of_the_api_prefix_are_problems_for_programs(
    client: TestClient, path: str
) -> None:
    response = client.put(path)

    assert (response.status_code, response.headers["content-type"]) == (405, PROBLEM)


def test_a_person_gets_a_page_and_not_a_problem(client: TestClient) -> None:
    response = client.get("/nothing-here")

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "Nothing is at this address." in response.text


def test_a_crash_shows_a_reference_that_the_log_has_and_nothing_else(
    app: FastAPI, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    def crash() -> None:
        raise RuntimeError("the secret inside")

    app.add_api_route("/api/v1/crash", crash)

    response = client.get("/api/v1/crash", headers={"X-Request-ID": "reference-1"})

    assert (response.status_code, response.headers["content-type"]) == (500, PROBLEM)
    assert "reference-1" in response.json()["detail"]
    assert "secret" not in response.text
    assert "RuntimeError" not in response.text
    (record,) = (r for r in caplog.records if r.levelno == logging.ERROR)
    assert "reference-1" in record.getMessage()
    assert record.exc_info is not None


def test_a_crash_on_a_page_is_a_page_with_a_reference(app: FastAPI, client: TestClient) -> None:
    def crash() -> None:
        raise RuntimeError("the secret inside")

    app.add_api_route("/crash", crash)
    app.router.routes.insert(0, app.router.routes.pop())

    response = client.get("/crash", headers={"X-Request-ID": "reference-1"})

    assert response.status_code == 500
    assert response.headers["content-type"].startswith("text/html")
    assert "reference-1" in response.text
    assert "secret" not in response.text


def test_an_unavailable_database_is_503_and_says_when_to_come_back(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object) -> None:
        raise StorageUnavailable("password=secret")

    monkeypatch.setattr("app.services.plans.PlanService.page", unavailable)

    response = client.get("/api/v1/plans")

    assert (response.status_code, response.headers["content-type"]) == (503, PROBLEM)
    assert response.headers["retry-after"] == "5"
    assert "secret" not in response.text


def test_every_bad_field_is_listed_at_once(client: TestClient) -> None:
    body = new_plan(
        name="",
        request={
            "hardware": {"gpus_per_node": 0, "nods": 1},
            "training": {"optimizer": "adam", "sequence_length": "long"},
        },
    )

    response = client.post("/api/v1/plans", json=body)

    assert (response.status_code, response.headers["content-type"]) == (422, PROBLEM)
    assert response.json()["detail"] == "5 fields need a change."
    assert {error["pointer"]: error["detail"] for error in response.json()["errors"]} == {
        "/name": "Use 1 or more characters.",
        "/request/hardware/gpus_per_node": "Use a number that is at least 1.",
        "/request/hardware/nods": "There is no field 'nods': did you mean 'nodes'?",
        "/request/training/optimizer": (
            "Use 'adamw', 'adamw_8bit', 'paged_adamw_8bit', 'adafactor', 'lion' or 'sgd'."
        ),
        "/request/training/sequence_length": "Use a whole number.",
    }


def test_every_service_error_has_a_status(client: TestClient, app: FastAPI) -> None:
    for number, kind in enumerate(ServiceError.__subclasses__()):

        def fail(kind: type[ServiceError] = kind) -> None:
            raise kind("A sentence.")

        app.add_api_route(f"/api/v1/fails/{number}", fail)
        response = client.get(f"/api/v1/fails/{number}")
        assert response.status_code < 500, kind
        assert "A sentence." in response.text
