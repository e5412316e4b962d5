"""`backup`: the whole database in one file, while the product runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from app.settings import Settings
from app.storage.backups import back_up


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `backup`."""
    backup = commands.add_parser("backup", help="write the whole database to a new file")
    backup.add_argument("file", type=Path, help="must not exist yet")
    backup.set_defaults(run=_backup)


def _backup(arguments: argparse.Namespace, settings: Settings) -> int:
    file: Path = arguments.file
    revision = back_up(settings.database_url, file)
    size = file.stat().st_size
    sys.stderr.write(f"{file}: schema {revision}, {size:,} bytes, checked.\n")
    return 0
