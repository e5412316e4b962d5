from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from app.domain.version import ENGINE_VERSION
from app.storage.database import Database
from app.storage.errors import StorageUnavailable
from tests.factories import estimate_request, new_plan

Labels = tuple[tuple[str, str], ...]


def samples(client: TestClient) -> dict[tuple[str, Labels], float]:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_answers_are_counted_by_route_template_and_status(client: TestClient) -> None:
    plan = client.post("/api/v1/plans", json=new_plan()).json()["id"]
    client.get(f"/api/v1/plans/{plan}")
    client.head(f"/api/v1/plans/{plan}")
    client.get("/api/v1/plans/pl_none")
    client.get("/static/favicon.svg")
    client.get("/no/such/page")

    found = samples(client)

    requests = {
        tuple(value for _, value in labels): count
        for (name, labels), count in found.items()
        if name == "shardplan_http_requests_total"
    }
    assert requests == {
        ("POST", "/api/v1/plans", "201"): 1,
        ("GET", "/api/v1/plans/{plan_id}", "200"): 1,
        ("HEAD", "/api/v1/plans/{plan_id}", "200"): 1,
        ("GET", "/api/v1/plans/{plan_id}", "404"): 1,
        ("GET", "/static/{path}", "200"): 1,
        ("GET", "unmatched", "404"): 1,
    }


def test_times_are_a_histogram_by_route(client: TestClient) -> None:
    client.get("/healthz")

    found = samples(client)

    labels = (("method", "GET"), ("route", "/healthz"))
    name = "shardplan_http_request_duration_seconds"
    assert found[f"{name}_count", labels] == 1
    assert found[f"{name}_bucket", (("le", "+Inf"), *labels)] == 1
    assert 0 < found[f"{name}_sum", labels] < 10
    assert found["shardplan_http_requests_in_flight", ()] == 1  # the one that asks


def test_estimates_are_counted_one_for_each_strategy(client: TestClient) -> None:
    body = estimate_request(strategies=["zero3", "fsdp2", "ddp"])
    client.post("/api/v1/estimates", json=body)

    assert samples(client)["shardplan_estimates_total", ()] == 3


def test_the_database_and_the_build_are_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(_: Database) -> dict[str, str]:
        raise StorageUnavailable("gone")

    before = samples(client)
    monkeypatch.setattr(Database, "probe", unavailable)
    after = samples(client)

    assert before["shardplan_database_up", ()] == 1
    assert after["shardplan_database_up", ()] == 0
    (build,) = (dict(labels) for name, labels in before if name == "shardplan_build_info")
    assert build == {
        "engine_version": ENGINE_VERSION,
        "catalog_version": "2026.11",
        "database": "sqlite",
    }


def test_what_callers_invent_makes_no_new_series(client: TestClient) -> None:
    before = None
    for number in range(3):
        client.get(f"/invented/{number}?secret={number}")
        client.request(f"INVENTED{number}", "/api/v1/plans")
        client.get(f"/s/token-{number}")
        now = {key for key in samples(client) if key[0] == "shardplan_http_requests_total"}
        before = before or now | {k for k in now if ("route", "/metrics") in k[1]}
        assert {k for k in now if ("route", "/metrics") not in k[1]} == {
            k for k in before if ("route", "/metrics") not in k[1]
        }
    text = client.get("/metrics").text
    assert "secret" not in text
    assert "token-" not in text
    assert "INVENTED" not in text
