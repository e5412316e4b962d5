from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from app.main import main
from app.storage.database import Database

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-m", "app.main"]


def environment(**settings: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SHARDPLAN_")}
    return kept | settings


def start_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **settings: str
) -> str:
    """What a start says that ends with status 2."""
    for name in (name for name in os.environ if name.startswith("SHARDPLAN_")):
        monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    # Ours would take the place of pytest's handlers.
    monkeypatch.setattr("app.main.configure_logging", lambda _format: None)
    assert main() == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_the_command_migrates_and_serves_until_it_is_stopped(tmp_path: Path) -> None:
    port = free_port()
    url = f"sqlite:///{tmp_path}/new/folder/shardplan.db"
    server = subprocess.Popen(
        COMMAND,
        cwd=ROOT,
        env=environment(HOST="127.0.0.1", PORT=str(port), SHARDPLAN_DATABASE_URL=url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_for(f"http://127.0.0.1:{port}/readyz") == 200
    finally:
        server.terminate()
        assert server.wait(30) in (0, -15)
    assert [file.name for file in (tmp_path / "new" / "folder").iterdir()] == ["shardplan.db"]


def wait_for(address: str) -> int:
    for _ in range(200):
        try:
            with urlopen(address, timeout=5) as answer:
                return int(answer.status)
        except URLError:
            time.sleep(0.1)
    raise AssertionError(f"{address} did not answer")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"HOST": "0.0.0.0"}, "SHARDPLAN_ALLOW_REMOTE=true"),
        ({"SHARDPLAN_ACCESS": "closed"}, "SHARDPLAN_ACCESS: "),
        ({"PORT": "http"}, "PORT: "),
        ({"SHARDPLAN_DATABASE_URL": "mysql://x"}, "use sqlite:///path"),
        ({"SHARDPLAN_DATABASE_URL": "sqlite:////proc/nothing/x.db"}, "cannot be opened"),
    ],
)
def test_what_cannot_start_says_why_in_one_sentence(
    settings: dict[str, str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sentence in start_fails(monkeypatch, capsys, **settings)


def test_a_database_of_a_newer_version_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/shardplan.db"
    database = Database(url)
    database.open()
    database.close()
    with sqlite3.connect(tmp_path / "shardplan.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    said = start_fails(monkeypatch, capsys, SHARDPLAN_DATABASE_URL=url)
    assert "made by a newer version" in said
