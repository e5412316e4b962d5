"""`migrate`: the schema that this version expects, before any server starts."""

from __future__ import annotations

import argparse
import sys

from app.settings import Settings
from app.storage.database import Database


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `migrate`."""
    migrate = commands.add_parser("migrate", help="create or migrate the database, and end")
    migrate.set_defaults(run=_migrate)


def _migrate(_arguments: argparse.Namespace, settings: Settings) -> int:
    database = Database(settings.database_url)
    database.open()
    try:
        state = database.probe()
    finally:
        database.close()
    sys.stderr.write(f"{state['database']} {state['version']}: schema {state['schema']}.\n")
    return 0
