from __future__ import annotations

import sqlite3

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.storage.database import Database
from app.storage.schema import expected_revision


def test_a_process_is_alive_without_its_database(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Database, "read")
    monkeypatch.delattr(Database, "write")
    monkeypatch.delattr(Database, "probe")

    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_readiness_tells_what_the_database_is(client: TestClient) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "database": "sqlite",
        "database_version": sqlite3.sqlite_version,
        "schema_revision": expected_revision(),
        "catalog_version": "2026.11",
    }


def test_a_database_with_another_schema_is_not_ready(app: FastAPI, client: TestClient) -> None:
    path = app.state.services.settings.database_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == (
        f"The database is not ready: schema 0000, expected {expected_revision()}."
    )
