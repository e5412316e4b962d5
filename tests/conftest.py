"""What tests share: the product on a database of its own, and requests that are merely valid."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.postgres import postgres_server_url

# Like the default HOST: other names are refused.
ADDRESS = "http://127.0.0.1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults, on a database that only this test has."""
    return Settings(database_url=f"sqlite:///{tmp_path}/shardplan.db")


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A program that talks to the running product; an error inside is answered, not raised."""
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as client:
        yield client


KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if sys.platform == "win32":
        pytest.skip("the test server listens on a Unix socket")
    with postgres_server_url() as url:
        yield url


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, one for each test: on SQLite and on a real PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/folder/shardplan.db"
    server: str = request.getfixturevalue("postgres_url")
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.replace("/postgres?", f"/{name}?")
