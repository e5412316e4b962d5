"""`python -m app.cli`: what an operator does beside the running product."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from app.cli import backup, keys, migrate, restore
from app.domain.errors import InvalidInput
from app.services.errors import ServiceError
from app.settings import Settings
from app.storage.backups import BackupFailed
from app.storage.errors import SchemaTooNew, StorageUnavailable

# Each has `add_to(commands)`, which sets `run(arguments, settings)` as its parser's default.
COMMANDS = (keys, migrate, backup, restore)


def parser() -> argparse.ArgumentParser:
    """Every command with its options and their help."""
    whole = argparse.ArgumentParser(
        prog="shardplan",
        description="Operate Shardplan. Settings come from the environment, as for the server: "
        "SHARDPLAN_DATABASE_URL says which database is meant.",
    )
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status is 0, 1 when it failed, 2 when it was not understood."""
    arguments = parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments, Settings())
    except ValidationError as error:
        for problem in error.errors():
            sys.stderr.write(f"{problem['msg'].removeprefix('Value error, ')}\n")
        return 2
    except InvalidInput as error:
        for fault in error.errors:
            sys.stderr.write(f"{fault.pointer.removeprefix('/')}: {fault.detail}\n")
        return 2
    except StorageUnavailable as error:
        sys.stderr.write(f"The database cannot be used: {error.__cause__ or error}\n")
        return 1
    except (ValueError, BackupFailed, SchemaTooNew, ServiceError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
