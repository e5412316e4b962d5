"""Runs migrations on the connection that the product hands over, or on the configured database."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine

from app.settings import Settings
from app.storage.tables import metadata


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,  # SQLite alters a table by copying it
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with create_engine(Settings().database_url).begin() as opened:
        _run(opened)
