from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from app.storage.database import Database
from app.storage.errors import SchemaTooNew
from app.storage.schema import expected_revision, present_revision
from app.storage.tables import metadata


def test_migrations_make_exactly_the_tables_of_the_code(
    database: Database, database_url: str
) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert present_revision(connection) == expected_revision()
    engine.dispose()


def test_opening_twice_changes_nothing(database: Database) -> None:
    database.open()

    assert database.probe()["schema"] == expected_revision()


def test_processes_that_start_at_once_all_open(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(12)]

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(Database.open, databases))

    for database in databases:
        assert database.probe()["schema"] == expected_revision()
        database.close()


def test_a_schema_from_the_future_is_refused(database: Database, database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(SchemaTooNew, match="made by a newer version of Shardplan"):
        database.open()


def test_a_migration_that_fails_half_way_leaves_nothing_behind(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade

    def fail_at_the_end(config: Config, revision: str) -> None:
        upgrade(config, revision)
        raise RuntimeError("power cut")

    monkeypatch.setattr(command, "upgrade", fail_at_the_end)
    database = Database(database_url)
    with pytest.raises(RuntimeError, match="power cut"):
        database.open()
    database.close()

    engine = create_engine(database_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
