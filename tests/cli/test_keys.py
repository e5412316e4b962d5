from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.cli.__main__ import main
from app.services.access import AccessService
from app.services.clock import utc_now
from app.storage.database import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.open()
    yield database
    database.close()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("SHARDPLAN_DATABASE_URL", database_url)


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The key that a command has made."""
    assert main(["keys", "create", *arguments]) == 0
    return capsys.readouterr().out.strip()


def test_a_key_is_shown_once_and_lets_its_holder_in(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = made(capsys, "Quote tool", "--workspace", "Sales", "--scope", "read")

    somebody = AccessService(database, utc_now).by_key(secret)

    assert somebody is not None
    assert (somebody.key_name, somebody.scope, somebody.may_write) == ("Quote tool", "read", False)
    assert main(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert all(word in listed for word in ("Sales", "read", "live", "Quote tool", somebody.key_id))
    assert secret not in listed


def test_the_secret_is_nowhere_in_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHARDPLAN_DATABASE_URL", f"sqlite:///{tmp_path}/keys.db")
    secret = made(capsys, "Quote tool")

    contents = b"".join(file.read_bytes() for file in tmp_path.glob("keys.db*"))

    assert b"Quote tool" in contents
    assert secret.encode() not in contents


def test_keys_of_one_name_share_a_workspace_and_others_do_not(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    access = AccessService(database, utc_now)
    secrets = [made(capsys, "x", "--workspace", name) for name in ("Sales", "Sales", "Support")]

    first, second, third = (access.by_key(secret) for secret in secrets)

    assert first is not None
    assert second is not None
    assert third is not None
    assert first.workspace == second.workspace != third.workspace


def test_a_revoked_key_works_no_more_and_ends_its_sessions(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    access = AccessService(database, utc_now)
    secret = made(capsys, "x")
    somebody, session = access.by_key(secret), access.sign_in(secret)
    assert somebody is not None
    assert session is not None
    assert access.by_session(session.token) is not None

    assert main(["keys", "revoke", somebody.key_id]) == 0

    assert access.by_key(secret) is None
    assert access.by_session(session.token) is None
    assert access.sign_in(secret) is None
    assert main(["keys", "revoke", somebody.key_id]) == 1
    assert "no live key" in capsys.readouterr().err


def test_a_key_and_its_sessions_end_on_their_day(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = made(capsys, "x", "--expires-in-days", "2")
    now = datetime.now(UTC)
    session = AccessService(database, lambda: now + timedelta(days=1.9)).sign_in(secret)
    later = AccessService(database, lambda: now + timedelta(days=2.1))

    assert session is not None
    assert later.by_key(secret) is None
    assert later.by_session(session.token) is None


def test_a_session_ends_after_twelve_hours_or_when_its_browser_signs_out(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    access = AccessService(database, lambda: now)
    later = AccessService(database, lambda: now + timedelta(hours=12))
    secret = made(capsys, "x")
    first, second = access.sign_in(secret), access.sign_in(secret)
    assert first is not None
    assert second is not None

    access.sign_out(first.token)

    assert access.by_session(first.token) is None
    assert access.by_session(second.token) is not None
    assert later.by_session(second.token) is None


def test_use_is_remembered(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    access = AccessService(database, utc_now)
    secret = made(capsys, "x")
    assert access.keys()[0].last_used_at is None

    access.by_key(secret)

    assert access.keys()[0].last_used_at is not None


@pytest.mark.parametrize("text", ["", "x", "shardplan_", "shardplan_" + "A" * 43, "ü", "\x00"])
def test_what_is_no_key_lets_nobody_in(database: Database, text: str) -> None:
    access = AccessService(database, utc_now)

    assert access.by_key(text) is None
    assert access.by_session(text) is None


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["keys", "create", " "], "name: Use 1 to 200"),
        (["keys", "create", "x", "--workspace", "a\nb"], "workspace: Use 1 to 200"),
        (["keys", "create", "x", "--expires-in-days", "0"], "Use 1 to 3,650 days"),
    ],
)
def test_what_cannot_be_is_said(
    arguments: list[str], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert remedy in capsys.readouterr().err


def test_a_database_that_cannot_be_reached_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(
        "SHARDPLAN_DATABASE_URL", "postgresql+psycopg://nobody@/nothing?host=/nonexistent"
    )

    assert main(["keys", "list"]) == 1
    assert "cannot be used" in capsys.readouterr().err
