"""Databases for tests that need more than one, or one of an older schema."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, make_url

from app.storage.schema import MIGRATIONS_FOLDER


def another_url(database_url: str, folder: Path, *, like: str | None = None) -> str:
    """The URL of a database beside a given one: empty, or on PostgreSQL a copy of `like`."""
    name = f"other_{uuid.uuid4().hex}"
    if database_url.startswith("sqlite"):
        return f"sqlite:///{folder}/{name}/shardplan.db"
    template = f" TEMPLATE {name_of(like)}" if like else ""
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}{template}".encode())
    return make_url(database_url).set(database=name).render_as_string(hide_password=False)


def drop(database_url: str, url: str) -> None:
    """Removes one that `another_url` made beside `database_url`."""
    if database_url.startswith("sqlite"):
        for file in Path(url.removeprefix("sqlite:///")).parent.iterdir():
            file.unlink()
        return
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name_of(url)} WITH (FORCE)".encode())


def name_of(database_url: str) -> str:
    """The name of a database of PostgreSQL."""
    return make_url(database_url).database or ""


def migrate_to(database_url: str, revision: str) -> None:
    """Brings an empty database to a revision that is not the newest."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER))
    engine = create_engine(database_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
