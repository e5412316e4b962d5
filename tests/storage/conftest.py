"""Databases to test on: every storage test runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.storage.database import Database
from tests.postgres import postgres_server_url

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if sys.platform == "win32":
        pytest.skip("the test server listens on a Unix socket")
    with postgres_server_url() as url:
        yield url


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, one for each test."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/folder/shardplan.db"
    server: str = request.getfixturevalue("postgres_url")
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database with the current schema."""
    database = Database(database_url)
    database.open()
    yield database
    database.close()
