"""Backups of the whole database: made while the product runs, checked before they are used."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from app.storage.errors import StorageUnavailable
from app.storage.schema import known_revisions

# The names under which PostgreSQL's own programs read what is in a URL: not from the command line,
# where every user of the machine sees it.
_POSTGRES_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "username": "PGUSER",
    "password": "PGPASSWORD",
    "database": "PGDATABASE",
}


class BackupFailed(Exception):
    """A backup that was not made or not restored; the sentence says why."""


def back_up(url: str, file: Path) -> str:
    """Writes the whole database, as it is at one moment, to a new file; returns its schema.

    Raises:
        BackupFailed: the file exists, or the database is missing or damaged.
    """
    if file.exists():
        raise BackupFailed(f"{file} exists already; name a new file.")
    parsed = _parsed(url)
    with _beside(file) as unfinished:
        if parsed.get_backend_name() == "sqlite":
            revision = _back_up_sqlite(Path(parsed.database or ""), unfinished)
        else:
            revision = _back_up_postgres(parsed, unfinished)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.chmod(0o600)  # plans are in it whole
        os.link(unfinished, file)  # unlike a rename, this never replaces a file
    return revision


def restore(url: str, file: Path, *, replace: bool = False) -> str:
    """Makes the database what it was in a backup; returns the backup's schema.

    A database of SQLite changes in one transaction, so a restore that is interrupted leaves it as
    it was. The next start of the product migrates what is older than its schema.

    Raises:
        BackupFailed: the file is no backup, is damaged or comes from a newer version; the product
            is running; or there is a database already and `replace` is not set.
    """
    if not file.is_file():
        raise BackupFailed(f"There is no file {file}.")
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _restore_sqlite(file, Path(parsed.database or ""), replace)
    return _restore_postgres(file, parsed)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:  # its text would repeat the password
        raise BackupFailed("SHARDPLAN_DATABASE_URL is not a database URL.") from None


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """A name in the same folder for what is not finished yet; nothing is left there."""
    try:
        folder = tempfile.mkdtemp(prefix=f".{file.name}-", dir=file.absolute().parent)
    except OSError as error:
        raise BackupFailed(f"{file} cannot be written: {error.strerror}.") from None
    try:
        yield Path(folder, "unfinished")
    except OSError as error:
        raise BackupFailed(f"{file} cannot be written: {error.strerror}.") from None
    finally:
        shutil.rmtree(folder)


def _back_up_sqlite(source: Path, target: Path) -> str:
    if not source.is_file():
        raise BackupFailed(f"There is no database {source}.")
    with closing(sqlite3.connect(source, timeout=10)) as live:
        # Only the product's own connection may write its log back; see `Database`.
        live.execute("PRAGMA wal_autocheckpoint=0")
        live.execute("PRAGMA query_only=ON")
        try:
            with closing(sqlite3.connect(target)) as copy:
                live.backup(copy)  # all pages in one step: one moment, and no writer waits
                copy.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.Error as error:
            raise BackupFailed(f"{source} could not be copied: {error}.") from None
    return _checked_sqlite(target)


def _checked_sqlite(file: Path) -> str:
    """The schema of a backup that is whole."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as backup:
            (verdict,) = backup.execute("PRAGMA integrity_check").fetchone()
            dangling = backup.execute("PRAGMA foreign_key_check").fetchone()
            row = backup.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise BackupFailed(f"{file} is not a backup of Shardplan: {error}.") from None
    if verdict != "ok" or dangling is not None:
        raise BackupFailed(f"{file} is damaged: {verdict}.")
    revision = str(row[0]) if row else ""
    if revision not in known_revisions():
        raise BackupFailed(
            f"{file} has schema {revision or 'none'}, which this version does not know; use the "
            "version that made it."
        )
    return revision


def _restore_sqlite(file: Path, target: Path, replace: bool) -> str:
    _checked_sqlite(file)
    if target.exists() and not replace:
        raise BackupFailed(f"{target} exists already; --replace makes it what the backup is.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        closing(sqlite3.connect(file)) as backup,
        closing(sqlite3.connect(target, timeout=2, isolation_level=None)) as database,
    ):
        try:
            # Fails while any other connection is open, even one that does nothing.
            database.execute("PRAGMA locking_mode=EXCLUSIVE")
            database.execute("BEGIN EXCLUSIVE")
            database.execute("ROLLBACK")
        except sqlite3.OperationalError:
            raise BackupFailed(f"{target} is in use; stop the product first.") from None
        except sqlite3.DatabaseError:
            raise BackupFailed(
                f"{target} is not a database any more; move it and its -wal and -shm away first."
            ) from None
        backup.backup(database)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return _checked_sqlite(target)


def _back_up_postgres(url: URL, target: Path) -> str:
    revision = _postgres_revision(url)
    if not revision:
        raise BackupFailed("The database has no schema of Shardplan.")
    _run(url, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")
    return revision


def _restore_postgres(file: Path, url: URL) -> str:
    if _postgres_revision(url) is not None:
        raise BackupFailed(
            "The database has tables already; restore into a new, empty one and point "
            "SHARDPLAN_DATABASE_URL to it."
        )
    _run(
        url,
        "pg_restore",
        "--single-transaction",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        f"--dbname={url.database}",
        str(file),
    )
    return _postgres_revision(url) or ""


def _postgres_revision(url: URL) -> str | None:
    """The schema of a database; None where it has no tables."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            tables = inspect(connection).get_table_names()
            if "alembic_version" not in tables:
                return "" if tables else None
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
            return str(found.scalar_one())
    except SQLAlchemyError as error:
        raise StorageUnavailable("the database failed") from error
    finally:
        engine.dispose()


def _run(url: URL, program: str, *arguments: str) -> None:
    """Runs one of PostgreSQL's own programs on the database of a URL."""
    path = shutil.which(program)
    if path is None:
        raise BackupFailed(f"{program} is not on the PATH; install PostgreSQL's client programs.")
    parts = {name: getattr(url, name) for name in _POSTGRES_VARIABLES} | dict(url.query)
    variables = {
        _POSTGRES_VARIABLES[name]: str(value)
        for name, value in parts.items()
        if name in _POSTGRES_VARIABLES and value is not None
    }
    done = subprocess.run(  # noqa: S603 - our own arguments, no shell
        [path, *arguments], env=os.environ | variables, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise BackupFailed(f"{program} failed: {lines[0]}")
