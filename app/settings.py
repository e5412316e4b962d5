"""Every setting: its name, its default and what it is for, in one place.

A field is read from the environment variable `SHARDPLAN_<NAME>`, except `HOST` and `PORT`, which
have no prefix because hosting platforms set them under these names.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _rate(value: str) -> str:
    if re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", value):
        return value
    raise ValueError(f"{value!r} is no rate; use for example 600/minute")


RateLimit = Annotated[str, AfterValidator(_rate)]


class Settings(BaseSettings):
    """What an operator can choose. Frozen: nothing changes a setting while the product runs."""

    model_config = SettingsConfigDict(
        env_prefix="SHARDPLAN_", frozen=True, extra="forbid", populate_by_name=True
    )

    host: str = Field("127.0.0.1", validation_alias="HOST", description="Address to listen on.")
    port: int = Field(
        8000,
        ge=0,
        le=65_535,
        validation_alias="PORT",
        description="TCP port to listen on; 0 takes a free one.",
    )
    database_url: str = Field(
        "sqlite:///data/shardplan.db",
        description="Where plans and profiles are kept: `sqlite:///path` (the folder is created) "
        "or `postgresql+psycopg://user:password@host/database`.",
    )
    access: Literal["open", "keys"] = Field(
        "open",
        description="Who may use the product. `open`: everybody who can reach the address, so it "
        "listens on loopback only unless SHARDPLAN_ALLOW_REMOTE is true. `keys`: whoever has a key "
        "made by `shardplan keys create`; see docs/access.md.",
    )
    allow_remote: bool = Field(
        False,
        description="Listen beyond loopback, and answer to any host name, although access is open: "
        "set it only where something else (a container network, a proxy) decides who gets in.",
    )
    fetch_models: bool = Field(
        False,
        description="Fetch a model's config.json from huggingface.co by `org/name` when asked to; "
        "without it, models are pasted or uploaded.",
    )
    max_body_bytes: int = Field(
        1_048_576,
        ge=1_024,
        description="Largest request body that is read, in bytes; a larger one is answered 413.",
    )
    rate_limit_key: RateLimit = Field(
        "600/minute", description="With `keys`: requests that one key may make."
    )
    rate_limit_address: RateLimit = Field(
        "300/minute",
        description="With `keys`: requests without a working key, sign-ins and opened links "
        "included, that one address may make (of IPv6, one /64).",
    )
    rate_limit_url: str = Field(
        "memory://",
        description="With `keys`: where requests are counted. Several processes share a counter in "
        "Redis or Valkey: `redis://host:6379/0`.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1",
        description="Addresses and networks, with commas, of proxies whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are believed.",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Lines of the log: `text` for people, `json` for a collector."
    )
    shutdown_grace_seconds: float = Field(
        1.0,
        ge=0,
        le=300,
        allow_inf_nan=False,
        description="How long new requests are still answered after SIGTERM, while `/readyz` "
        "already says 503; behind a load balancer, longer than it takes to notice.",
    )

    @field_validator("rate_limit_url")
    @classmethod
    def _counter_is_known(cls, value: str) -> str:
        if not value.startswith(("memory://", "redis://", "rediss://", "redis+unix://")):
            raise ValueError("SHARDPLAN_RATE_LIMIT_URL: use memory:// or redis://host:6379/0")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, value: str) -> str:
        for part in filter(None, value.split(",")):
            try:
                ip_network(part.strip())
            except ValueError:
                raise ValueError(
                    f"SHARDPLAN_TRUSTED_PROXIES: {part.strip()!r} is no address or network"
                ) from None
        return value

    @model_validator(mode="after")
    def _open_access_stays_on_loopback(self) -> Self:
        if self.access == "open" and not self.allow_remote and not is_loopback(self.host):
            raise ValueError(
                f"HOST={self.host} can be reached from other machines and SHARDPLAN_ACCESS is "
                "'open'; listen on 127.0.0.1, set SHARDPLAN_ACCESS=keys, or set "
                "SHARDPLAN_ALLOW_REMOTE=true where something else decides who gets in"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
