from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.__main__ import main
from app.storage.database import Database
from tests.storage.rows import NOW


def test_backup_and_restore_work_on_the_database_that_the_server_would_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/shardplan.db"
    monkeypatch.setenv("SHARDPLAN_DATABASE_URL", url)
    database = Database(url)
    database.open()
    with database.write() as repositories:
        repositories.model_profiles.add("mp_1", "Kept", "{}", NOW)
    backup = str(tmp_path / "backup")

    assert main(["backup", backup]) == 0
    assert "checked" in capsys.readouterr().err
    assert main(["restore", backup, "--replace"]) == 1
    assert "stop the product first" in capsys.readouterr().err
    database.close()
    assert main(["restore", backup]) == 1
    assert "--replace" in capsys.readouterr().err
    assert main(["restore", backup, "--replace"]) == 0
    assert "Restored" in capsys.readouterr().err
