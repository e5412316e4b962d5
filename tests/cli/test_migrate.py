from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.__main__ import main
from app.storage.database import Database
from app.storage.schema import expected_revision


def test_migrating_leaves_a_database_that_servers_can_start_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHARDPLAN_DATABASE_URL", database_url)

    assert [main(["migrate"]), main(["migrate"])] == [0, 0]

    assert capsys.readouterr().err.count(f"schema {expected_revision()}.") == 2
    database = Database(database_url)
    assert database.probe()["schema"] == expected_revision()
    database.close()


def test_a_database_that_cannot_be_reached_fails_the_migration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SHARDPLAN_DATABASE_URL", f"sqlite:///{tmp_path}/file/shardplan.db")

    assert main(["migrate"]) == 1
    assert "cannot be used" in capsys.readouterr().err
