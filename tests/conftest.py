"""What tests share: the product on a database of its own, and requests that are merely valid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings


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
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
