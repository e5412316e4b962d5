"""Workspaces with their keys and sessions; every version of a plan; links to one version.

What was there before belongs to the workspace called default. Tables are emptied into a copy and
made anew, because SQLite would otherwise rebuild them by itself, deleting what refers to them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
DEFAULT_WORKSPACE = "ws_0000000000000000"
# Those that refer to others come first.
OLD_TABLES = ("idempotency_keys", "plan_shares", "plans", "hardware_profiles", "model_profiles")


def upgrade() -> None:
    for name in OLD_TABLES:
        op.execute(f"CREATE TABLE old_{name} AS SELECT * FROM {name}")
        op.drop_table(name)
    _workspaces()
    _profiles()
    _plans()
    _shares()
    _idempotency_keys()
    for name in OLD_TABLES:
        op.drop_table(f"old_{name}")


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")


def _workspaces() -> None:
    op.create_table(
        "workspaces",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workspaces"),
        sa.UniqueConstraint("name", name="uq_workspaces_name"),
    )
    op.execute(
        "INSERT INTO workspaces (id, name, created_at) "
        f"VALUES ('{DEFAULT_WORKSPACE}', 'default', CURRENT_TIMESTAMP)"
    )
    op.create_table(
        "access_keys",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.Column("last_used_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_access_keys"),
        _of_workspace("access_keys"),
        sa.UniqueConstraint("secret_hash", name="uq_access_keys_secret_hash"),
    )
    op.create_index("ix_access_keys_workspace_id", "access_keys", ["workspace_id"])
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
        sa.ForeignKeyConstraint(
            ["key_id"],
            ["access_keys.id"],
            name="fk_sessions_key_id_access_keys",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_sessions_key_id", "sessions", ["key_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])


def _profiles() -> None:
    for name in ("model_profiles", "hardware_profiles"):
        op.create_table(
            name,
            sa.Column("id", sa.String(32), nullable=False),
            sa.Column("workspace_id", sa.String(32), nullable=False),
            sa.Column("version", sa.Integer, nullable=False),
            sa.Column("name", sa.String(200), nullable=False),
            sa.Column("definition", sa.Text, nullable=False),
            sa.Column("created_at", MOMENT, nullable=False),
            sa.Column("updated_at", MOMENT, nullable=False),
            sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
            _of_workspace(name),
        )
        op.create_index(
            f"ix_{name}_workspace_id_created_at_id", name, ["workspace_id", "created_at", "id"]
        )
        kept = "id, version, name, definition, created_at, updated_at"
        _copy(name, f"workspace_id, {kept}", f"'{DEFAULT_WORKSPACE}', {kept} FROM old_{name}")


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
        _of_workspace("plans"),
    )
    op.create_index(
        "ix_plans_workspace_id_created_at_id", "plans", ["workspace_id", "created_at", "id"]
    )
    op.create_table(
        "plan_versions",
        sa.Column("plan_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("saved_at", MOMENT, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("preferences", sa.Text, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("configurations", sa.Text, nullable=False),
        sa.Column("verdict", sa.String(32), nullable=False),
        sa.Column("headline", sa.Text, nullable=False),
        sa.Column("engine_version", sa.String(32), nullable=False),
        sa.Column("catalog_version", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "version", name="pk_plan_versions"),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["plans.id"], name="fk_plan_versions_plan_id_plans", ondelete="CASCADE"
        ),
    )
    head = "id, version, created_at, updated_at"
    _copy("plans", f"workspace_id, {head}", f"'{DEFAULT_WORKSPACE}', {head} FROM old_plans")
    kept = (
        "version, name, request, preferences, job, result, verdict, headline, engine_version, "
        "catalog_version"
    )
    _copy(
        "plan_versions",
        f"plan_id, saved_at, configurations, {kept}",
        f"id, updated_at, '{{}}', {kept} FROM old_plans",
    )


def _shares() -> None:
    op.create_table(
        "plan_shares",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("plan_id", sa.String(32), nullable=False),
        sa.Column("plan_version", sa.Integer, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.Column("last_opened_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_plan_shares"),
        sa.ForeignKeyConstraint(
            ["plan_id", "plan_version"],
            ["plan_versions.plan_id", "plan_versions.version"],
            name="fk_plan_shares_plan_id_plan_versions",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("token_hash", name="uq_plan_shares_token_hash"),
    )
    op.create_index(
        "ix_plan_shares_plan_id_plan_version", "plan_shares", ["plan_id", "plan_version"]
    )
    kept = "id, plan_id, token_hash, created_at, expires_at, revoked_at, last_opened_at"
    current = ", ".join(f"old_plan_shares.{name}" for name in kept.split(", "))
    _copy(
        "plan_shares",
        f"plan_version, {kept}",
        f"plans.version, {current} FROM old_plan_shares "
        "JOIN plans ON plans.id = old_plan_shares.plan_id",
    )


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("workspace_id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("object_id", sa.String(32)),
        sa.Column("document", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "key", name="pk_idempotency_keys"),
        _of_workspace("idempotency_keys"),
    )
    kept = "key, fingerprint, object_id, document, created_at"
    _copy(
        "idempotency_keys",
        f"workspace_id, {kept}",
        f"'{DEFAULT_WORKSPACE}', {kept} FROM old_idempotency_keys",
    )


def _of_workspace(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_workspace_id_workspaces"
    return sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=name)


def _copy(table: str, columns: str, select: str) -> None:
    op.execute(f"INSERT INTO {table} ({columns}) SELECT {select}")
