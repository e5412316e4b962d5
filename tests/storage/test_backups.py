from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.storage.backups import BackupFailed, back_up, restore
from app.storage.database import Database
from app.storage.schema import expected_revision
from tests.postgres import client_programs
from tests.storage.rows import NOW


@pytest.fixture(autouse=True)
def _programs_of_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{client_programs()}:{os.environ['PATH']}")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.open()
    with database.write() as repositories:
        repositories.model_profiles.add("mp_1", "Kept", "{}", NOW)
    yield database
    database.close()


@pytest.fixture
def empty_url(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a backup can be restored to."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/elsewhere/shardplan.db"
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    server: str = request.getfixturevalue("postgres_url")
    return server.replace("/postgres?", f"/{name}?")


def names(url: str) -> list[str]:
    database = Database(url)
    try:
        database.open()
        with database.read() as repositories:
            return sorted(row.name for row in repositories.model_profiles.page(None, 100))
    finally:
        database.close()


def test_a_backup_of_an_open_database_is_one_file_that_restores(
    database: Database, database_url: str, empty_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()

    made = back_up(database_url, folder / "one")
    with database.write() as repositories:
        repositories.model_profiles.add("mp_2", "Later", "{}", NOW)
    restored = restore(empty_url, folder / "one")

    assert made == restored == expected_revision()
    assert [file.name for file in folder.iterdir()] == ["one"]
    assert (folder / "one").stat().st_mode & 0o077 == 0
    assert names(empty_url) == ["Kept"]


def test_a_backup_never_replaces_a_file(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("precious")

    with pytest.raises(BackupFailed, match="exists already"):
        back_up(database._url.render_as_string(hide_password=False), file)

    assert file.read_text() == "precious"


def test_what_cannot_be_backed_up_is_said(tmp_path: Path, database_url: str) -> None:
    with pytest.raises(BackupFailed, match=r"There is no database|has no schema"):
        back_up(database_url, tmp_path / "backup")

    assert not (tmp_path / "backup").exists()


def test_a_database_that_holds_something_is_not_given_up_unasked(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    back_up(database_url, tmp_path / "backup")

    with pytest.raises(BackupFailed, match=r"exists already|has tables already"):
        restore(database_url, tmp_path / "backup")

    assert names(database_url) == ["Kept"]


class TestSqlite:
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        url = f"sqlite:///{tmp_path}/shardplan.db"
        database = Database(url)
        database.open()
        with database.write() as repositories:
            repositories.model_profiles.add("mp_1", "Kept", "{}", NOW)
        database.close()
        return url

    def test_a_stopped_product_can_go_back(self, url: str, tmp_path: Path) -> None:
        back_up(url, tmp_path / "backup")
        database = Database(url)
        database.open()
        with database.write() as repositories:
            repositories.model_profiles.add("mp_2", "Later", "{}", NOW)
        database.close()

        restore(url, tmp_path / "backup", replace=True)

        assert names(url) == ["Kept"]

    def test_a_running_product_is_left_alone(self, url: str, tmp_path: Path) -> None:
        back_up(url, tmp_path / "backup")
        running = Database(url)
        running.open()
        try:
            with pytest.raises(BackupFailed, match="stop the product first"):
                restore(url, tmp_path / "backup", replace=True)
        finally:
            running.close()

    @pytest.mark.parametrize("damage", ["text", "cut", "torn", "empty"])
    def test_a_damaged_backup_is_refused_before_anything_is_touched(
        self, url: str, tmp_path: Path, damage: str
    ) -> None:
        backup = tmp_path / "backup"
        back_up(url, backup)
        whole = backup.read_bytes()
        backup.write_bytes(
            {
                "text": b"not a database at all\n" * 500,
                "cut": whole[: len(whole) // 2],
                "torn": whole[:4096] + os.urandom(len(whole) - 4096),
                "empty": b"",
            }[damage]
        )

        with pytest.raises(BackupFailed, match=r"not a backup|damaged|schema none"):
            restore(url, backup, replace=True)

        assert names(url) == ["Kept"]

    def test_a_backup_of_a_newer_version_is_refused(self, url: str, tmp_path: Path) -> None:
        backup = tmp_path / "backup"
        back_up(url, backup)
        with sqlite3.connect(backup) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.close()

        with pytest.raises(BackupFailed, match="does not know"):
            restore(url, backup, replace=True)

    def test_a_folder_that_is_not_there_is_said(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(BackupFailed, match="cannot be written"):
            back_up(url, tmp_path / "nowhere" / "backup")
        with pytest.raises(BackupFailed, match="There is no file"):
            restore(url, tmp_path / "nowhere" / "backup")


@pytest.mark.postgres
def test_a_missing_program_of_postgresql_is_said(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    database = Database(url := postgres_url.replace("/postgres?", f"/{name}?"))
    database.open()
    database.close()

    with pytest.raises(BackupFailed, match="pg_dump is not on the PATH"):
        back_up(url, tmp_path / "backup")
