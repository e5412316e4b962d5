from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from app.storage.database import Database
from app.storage.errors import SchemaTooNew
from app.storage.schema import MIGRATIONS_FOLDER, expected_revision, present_revision
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


OLD_ROWS = """
INSERT INTO plans VALUES ('pl_1', 3, 'Quote', '{}', '{}', '{}', '{"b": 1.50}', 'fits', 'Fits',
    '1.0.0', '2026.11', '2026-01-02 03:04:05.000006', '2026-02-03 00:00:00');
INSERT INTO plan_shares VALUES ('sh_1', 'pl_1', 'hash', '2026-01-02 00:00:00', NULL, NULL, NULL);
INSERT INTO model_profiles
    VALUES ('mp_1', 2, 'Mine', '{}', '2026-01-02 00:00:00', '2026-01-03 00:00:00');
INSERT INTO idempotency_keys VALUES ('key', 'mark', 'pl_1', '{}', '2026-01-02 00:00:00')
"""


def test_what_was_saved_before_workspaces_is_in_the_default_one(database_url: str) -> None:
    engine = create_engine(database_url)
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).parent.mkdir()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for row in OLD_ROWS.split(";"):
            connection.exec_driver_sql(row)
    engine.dispose()

    database = Database(database_url)
    database.open()

    with database.read() as repositories:
        plan = repositories.plans.find("pl_1")
        assert plan is not None
        assert (plan.version, plan.content.name, plan.content.result) == (3, "Quote", '{"b": 1.50}')
        assert plan.created_at == datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
        assert plan.updated_at == datetime(2026, 2, 3, tzinfo=UTC)
        (share,) = repositories.shares.of_plan("pl_1")
        assert (share.id, share.plan_version) == ("sh_1", 3)
        assert repositories.model_profiles.names(10) == [("mp_1", "Mine")]
        kept = repositories.idempotency.find("key")
        assert kept is not None
        assert kept.object_id == "pl_1"
    database.close()
