from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from app.storage.database import Database
from app.storage.errors import StorageUnavailable
from app.storage.repositories import Repositories
from tests.storage.rows import NOW, plan_content


def add_profile(database: Database, number: int) -> None:
    with database.write() as repositories:
        repositories.model_profiles.add(f"mp_{number:04}", f"Profile {number}", "{}", NOW)


def test_fifty_concurrent_writers_all_succeed(database: Database) -> None:
    with ThreadPoolExecutor(50) as pool:
        list(pool.map(lambda number: add_profile(database, number), range(200)))

    with database.read() as repositories:
        assert len(repositories.model_profiles.page(None, 500)) == 200


def test_a_failed_unit_of_work_leaves_nothing_behind(database: Database) -> None:
    def fail_half_way() -> None:
        with database.write() as repositories:
            repositories.model_profiles.add("mp_1", "Profile", "{}", NOW)
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()

    with database.read() as repositories:
        assert repositories.model_profiles.find("mp_1") is None


def test_a_committed_write_is_there_after_reopening(database_url: str) -> None:
    first = Database(database_url)
    first.open()
    add_profile(first, 1)
    first.close()
    second = Database(database_url)
    second.open()
    with second.read() as repositories:
        assert repositories.model_profiles.find("mp_0001") is not None
    second.close()


def test_a_reader_cannot_write(database: Database) -> None:
    with (
        pytest.raises(Exception, match=r"takes no writes|database failed"),
        database.read() as repositories,
    ):
        repositories.model_profiles.add("mp_1", "Profile", "{}", NOW)

    with database.read() as repositories:
        assert repositories.model_profiles.find("mp_1") is None


def test_a_reader_sees_one_moment_while_a_writer_commits_on_sqlite(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    database.open()
    with database.read() as repositories:
        assert repositories.model_profiles.page(None, 10) == []
        add_profile(database, 1)
        assert repositories.model_profiles.page(None, 10) == []
    with database.read() as repositories:
        assert len(repositories.model_profiles.page(None, 10)) == 1
    database.close()


def test_the_probe_writes_nothing_that_stays(database: Database) -> None:
    before = database.probe()

    assert database.probe() == before
    assert before["database"] in ("sqlite", "postgresql")
    assert before["version"][0].isdigit()


def test_the_probe_refuses_another_schema(database: Database) -> None:
    with database.write() as repositories:
        execute(repositories, "UPDATE alembic_version SET version_num = '0000'")

    with pytest.raises(StorageUnavailable, match="schema 0000, expected"):
        database.probe()


def test_the_probe_needs_a_database_that_takes_writes_on_sqlite(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    database.open()
    with database.write() as repositories:
        execute(repositories, "PRAGMA query_only=ON")

    with pytest.raises(StorageUnavailable):
        database.probe()
    database.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    database = Database("postgresql+psycopg://nobody@/nothing?host=/nonexistent")

    with pytest.raises(StorageUnavailable):
        database.open()
    database.close()


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("mysql://root@localhost/x", "names 'mysql'"),
        ("not a url", "is not a database URL"),
    ],
)
def test_a_url_that_cannot_serve_is_refused_with_the_remedy(url: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        Database(url)


def test_a_refused_url_does_not_show_its_password() -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        Database("postgres//user:secret@host")

    assert "secret" not in str(error.value)


def execute(repositories: Repositories, statement: str) -> object:
    connection = repositories.model_profiles._rows._connection
    return connection.execute(text(statement))


def pragma(repositories: Repositories, name: str) -> object:
    connection = repositories.model_profiles._rows._connection
    return connection.execute(text(f"PRAGMA {name}")).scalar()


def test_the_sqlite_writer_is_durable_and_alone_checkpoints(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    database.open()
    full = 2
    with database.write() as writer:
        assert pragma(writer, "journal_mode") == "wal"
        assert pragma(writer, "synchronous") == full
        assert pragma(writer, "wal_autocheckpoint") == 1000
        assert pragma(writer, "foreign_keys") == 1
    with database.read() as reader:
        assert pragma(reader, "wal_autocheckpoint") == 0
        assert pragma(reader, "query_only") == 1
        assert pragma(reader, "busy_timeout") == 10_000
    database.close()


def test_sqlite_writes_take_the_lock_when_they_begin(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    database.open()
    other = sqlite3.connect(tmp_path / "a.db", timeout=0)
    with database.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()
    database.close()


def test_a_sqlite_writer_waits_for_another_process(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    database.open()
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.execute, ["COMMIT"])
    release.start()

    add_profile(database, 1)

    release.join()
    other.close()
    with database.read() as repositories:
        assert repositories.model_profiles.find("mp_0001") is not None
    database.close()


def test_a_writer_that_holds_on_for_too_long_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.storage.database.LINE_SECONDS", 0.05)
    database = Database(f"sqlite:///{tmp_path}/a.db")
    database.open()

    with (
        database.write(),
        pytest.raises(StorageUnavailable, match="too long"),
        ThreadPoolExecutor(1) as pool,
    ):
        pool.submit(add_profile, database, 1).result()
    database.close()


def test_closing_leaves_one_file_on_sqlite(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    database.open()
    with database.write() as repositories:
        repositories.plans.add("pl_1", plan_content(), NOW)
    with database.read() as repositories:
        assert repositories.plans.find("pl_1") is not None

    database.close()

    assert [file.name for file in tmp_path.iterdir()] == ["a.db"]
