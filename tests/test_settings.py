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


def test_access_by_key_may_leave_loopback() -> None:
    assert Settings(host="0.0.0.0", access="keys").host == "0.0.0.0"


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("ACCESS", "closed", "'open' or 'keys'"),
        ("RATE_LIMIT_KEY", "many", "use for example 600/minute"),
        ("RATE_LIMIT_ADDRESS", "0/minute", "use for example 600/minute"),
        ("RATE_LIMIT_URL", "http://cache", "use memory:// or redis://"),
        ("TRUSTED_PROXIES", "127.0.0.1,proxy", "'proxy' is no address or network"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, remedy: str
) -> None:
    monkeypatch.setenv(f"SHARDPLAN_{name}", value)

    with pytest.raises(ValidationError, match=remedy):
        Settings()


def test_proxies_are_addresses_and_networks() -> None:
    assert Settings(trusted_proxies="10.0.0.0/8, ::1").trusted_proxies == "10.0.0.0/8, ::1"
    assert not Settings(trusted_proxies="").trusted_proxies


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "example.org"])
def test_everything_else_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)
