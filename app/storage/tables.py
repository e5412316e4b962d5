"""The tables. JSON is kept as text, exactly as it was dumped; money as integer cents inside it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite has no time zones, so its values are naive inside and aware out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


workspaces = Table(
    "workspaces",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
)


def _workspace() -> Column[str]:
    return Column("workspace_id", ForeignKey("workspaces.id"), nullable=False)


def _profile_table(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("id", String(32), primary_key=True),
        _workspace(),
        Column("version", Integer, nullable=False),
        Column("name", String(200), nullable=False),
        Column("definition", Text, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("updated_at", UtcDateTime, nullable=False),
        Index(None, "workspace_id", "created_at", "id"),
    )


model_profiles = _profile_table("model_profiles")
hardware_profiles = _profile_table("hardware_profiles")

# What a plan says is in plan_versions; its row here names the version that is current.
plans = Table(
    "plans",
    metadata,
    Column("id", String(32), primary_key=True),
    _workspace(),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(None, "workspace_id", "created_at", "id"),
)

plan_versions = Table(
    "plan_versions",
    metadata,
    Column("plan_id", ForeignKey("plans.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("saved_at", UtcDateTime, nullable=False),
    Column("name", String(200), nullable=False),
    Column("request", Text, nullable=False),
    Column("preferences", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("configurations", Text, nullable=False),
    Column("verdict", String(32), nullable=False),
    Column("headline", Text, nullable=False),
    Column("engine_version", String(32), nullable=False),
    Column("catalog_version", String(32), nullable=False),
)

# A link shows the version that was current when it was made.
plan_shares = Table(
    "plan_shares",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("plan_id", String(32), nullable=False),
    Column("plan_version", Integer, nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_opened_at", UtcDateTime),
    ForeignKeyConstraint(
        ["plan_id", "plan_version"],
        ["plan_versions.plan_id", "plan_versions.version"],
        ondelete="CASCADE",
    ),
    Index(None, "plan_id", "plan_version"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("workspace_id", ForeignKey("workspaces.id"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("object_id", String(32)),
    Column("document", Text),
    Column("created_at", UtcDateTime, nullable=False),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    _workspace(),
    Column("name", String(200), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Index(None, "workspace_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("key_id", ForeignKey("access_keys.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)
