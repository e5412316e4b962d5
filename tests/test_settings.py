from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.settings import Settings, is_loopback


def test_the_defaults_listen_on_loopback_with_a_file_beside_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HOST", "PORT", "SHARDPLAN_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)

    settings = Settings()

    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.database_url == "sqlite:///data/shardplan.db"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("SHARDPLAN_ALLOW_REMOTE", "true")
    monkeypatch.setenv("SHARDPLAN_MAX_BODY_BYTES", "4096")

    settings = Settings()

    assert (settings.host, settings.port, settings.max_body_bytes) == ("0.0.0.0", 9000, 4096)


def test_open_access_does_not_leave_loopback_unless_told() -> None:
    with pytest.raises(ValidationError, match="SHARDPLAN_ALLOW_REMOTE=true"):
        Settings(host="0.0.0.0")

    assert Settings(host="0.0.0.0", allow_remote=True).host == "0.0.0.0"


def test_another_access_mode_does_not_exist_yet() -> None:
    with pytest.raises(ValidationError, match="the only mode is 'open'"):
        Settings(access="keys")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "example.org"])
def test_everything_else_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)
