"""`keys create`, `keys list`, `keys revoke`: who may use the product where access is by key."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from app.services.access import SCOPES, AccessService
from app.services.clock import utc_now
from app.settings import Settings
from app.storage.database import Database

_COLUMNS = ("id", "workspace", "scope", "state", "last used", "name")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `keys` and what can be done with them."""
    keys = commands.add_parser("keys", help="make, list and revoke keys")
    actions = keys.add_subparsers(title="actions", required=True, metavar="ACTION")

    create = actions.add_parser("create", help="make a key and show it, this once")
    create.add_argument("name", help="what or who the key is for")
    create.add_argument(
        "--workspace", default="default", help="made where it is missing (default: default)"
    )
    create.add_argument("--scope", choices=SCOPES, default="write", help="default: write")
    create.add_argument("--expires-in-days", type=int, metavar="DAYS", help="default: never")
    create.set_defaults(run=_create)

    listing = actions.add_parser("list", help="list the keys, never their secrets")
    listing.set_defaults(run=_list)

    revoke = actions.add_parser("revoke", help="end a key now, with its sign-ins")
    revoke.add_argument("id", help="as `keys list` shows it: ak_…")
    revoke.set_defaults(run=_revoke)


def _create(arguments: argparse.Namespace, settings: Settings) -> int:
    with _access(settings) as access:
        made = access.create_key(
            arguments.name, arguments.workspace, arguments.scope, arguments.expires_in_days
        )
    # The key alone goes to standard output, so that a script can keep it.
    sys.stderr.write(f"Key {made.id}. It is shown this once; only its hash is kept:\n")
    sys.stdout.write(f"{made.secret}\n")
    return 0


def _list(_arguments: argparse.Namespace, settings: Settings) -> int:
    with _access(settings) as access:
        keys = access.keys()
    now = utc_now()
    rows = [_COLUMNS]
    for key in keys:
        ended = key.expires_at is not None and key.expires_at <= now
        state = "revoked" if key.revoked_at else "expired" if ended else _until(key.expires_at)
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        rows.append((key.id, key.workspace, key.scope, state, used, key.name))
    widths = [max(len(row[place]) for row in rows) for place in range(len(_COLUMNS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    return 0


def _revoke(arguments: argparse.Namespace, settings: Settings) -> int:
    with _access(settings) as access:
        access.revoke_key(arguments.id)
    sys.stderr.write(f"{arguments.id} is revoked.\n")
    return 0


def _until(expires_at: datetime | None) -> str:
    return "live" if expires_at is None else f"until {expires_at:%Y-%m-%d}"


@contextmanager
def _access(settings: Settings) -> Iterator[AccessService]:
    database = Database(settings.database_url, checkpoints=False)
    try:
        database.open()
        yield AccessService(database, utc_now)
    finally:
        database.close()
