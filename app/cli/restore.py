"""`restore`: the database as it is in a backup, while the product is stopped."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from app.settings import Settings
from app.storage.backups import restore


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `restore`."""
    parser = commands.add_parser("restore", help="make the database what it is in a backup")
    parser.add_argument("file", type=Path, help="what `backup` wrote")
    parser.add_argument(
        "--replace", action="store_true", help="give up what the database holds now (SQLite only)"
    )
    parser.set_defaults(run=_restore)


def _restore(arguments: argparse.Namespace, settings: Settings) -> int:
    revision = restore(settings.database_url, arguments.file, replace=arguments.replace)
    sys.stderr.write(f"Restored {arguments.file}, schema {revision}.\n")
    return 0
