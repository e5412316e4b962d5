"""Connections and transactions: one writer at a time, readers that cannot write."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool, StaticPool

from app.storage.errors import StorageUnavailable
from app.storage.repositories import Repositories
from app.storage.schema import expected_revision, migrate, present_revision
from app.storage.workspaces import DEFAULT_WORKSPACE

BUSY_SECONDS = 10
# Writers of this process wait in line for SQLite: it moves, however slow the machine is.
LINE_SECONDS = 30
# PostgreSQL's words for a transaction set to read only, and for one that a standby would not begin.
_READ_ONLY = frozenset({"25006", "0A000"})
# At least as many readers as the server has worker threads (40), so none waits for another.
_READERS = {"pool_size": 8, "max_overflow": 40, "pool_timeout": BUSY_SECONDS}


class Database:
    """One database by URL: `sqlite:///path` or `postgresql+psycopg://…`.

    SQLite has one writing connection, which alone checkpoints: versions before 3.51.3 can corrupt
    a database whose write-ahead log several connections reset. One lock per process queues writers
    in order; `BEGIN IMMEDIATE` makes a writer of another process wait instead of failing. A process
    that works beside the server says `checkpoints=False` and leaves the log to it.
    """

    def __init__(self, url: str, *, checkpoints: bool = True) -> None:
        try:
            self._url = make_url(url)
        except ArgumentError:  # its text would repeat the password
            raise ValueError("SHARDPLAN_DATABASE_URL is not a database URL") from None
        self.workspace = DEFAULT_WORKSPACE
        self._write_lock = threading.Lock()
        match self._url.get_backend_name():
            case "sqlite":
                self._writer, self._reader = _sqlite_engines(self._url, checkpoints)
            case "postgresql":
                self._writer = create_engine(self._url, pool_pre_ping=True, **_READERS)
                self._reader = self._writer.execution_options(postgresql_readonly=True)
            case other:
                raise ValueError(
                    f"SHARDPLAN_DATABASE_URL names {other!r}; use sqlite:///path or "
                    "postgresql+psycopg://user:password@host/database"
                )

    @property
    def is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def within(self, workspace: str) -> Database:
        """This database as one workspace sees it: the same connections, none of others' rows."""
        view = copy(self)
        view.workspace = workspace
        return view

    def open(self) -> None:
        """Creates what is missing and migrates the schema to what this version expects.

        Raises:
            SchemaTooNew: a newer version of the product has been here.
            StorageUnavailable: the database cannot be reached.
        """
        if self.is_sqlite and self._url.database:
            folder = Path(self._url.database).parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageUnavailable(f"{folder} cannot be created") from error
        with self._write_connection() as connection:
            migrate(connection)

    def close(self) -> None:
        """Gives all connections back; the writer goes last, so that it checkpoints."""
        self._reader.dispose()
        self._writer.dispose()

    @contextmanager
    def write(self) -> Iterator[Repositories]:
        """One transaction that writes: all of it or, after an exception, nothing."""
        with self._write_connection() as connection:
            yield Repositories(connection, self.workspace)

    @contextmanager
    def read(self) -> Iterator[Repositories]:
        """One consistent view of the database; writing in it fails."""
        with _failures_named(), self._reader.begin() as connection:
            yield Repositories(connection, self.workspace)

    def probe(self) -> dict[str, str]:
        """Writes for real and takes it back; tells what the database is and its schema.

        Raises:
            StorageUnavailable: it cannot write, or the schema is not the expected one.
        """
        with self._write_connection() as connection:
            present = present_revision(connection)
            if present != expected_revision():
                raise StorageUnavailable(f"schema {present}, expected {expected_revision()}")
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
            connection.rollback()
        if self.is_sqlite:
            return {"database": "sqlite", "version": sqlite3.sqlite_version, "schema": present}
        version = self._writer.dialect.server_version_info or ()
        return {
            "database": "postgresql",
            "version": ".".join(str(part) for part in version),
            "schema": present,
        }

    @contextmanager
    def _write_connection(self) -> Iterator[Connection]:
        if not self.is_sqlite:
            with _failures_named(), self._writer.begin() as connection:
                yield connection
            return
        if not self._write_lock.acquire(timeout=LINE_SECONDS):
            raise StorageUnavailable("other writers held the database for too long")
        try:
            with _failures_named(), self._writer.begin() as connection:
                yield connection
        finally:
            self._write_lock.release()


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise StorageUnavailable("the database failed") from error
    except (InternalError, NotSupportedError) as error:
        if getattr(error.orig, "sqlstate", None) not in _READ_ONLY:
            raise
        raise StorageUnavailable("the database takes no writes") from error


def _sqlite_engines(url: URL, checkpoints: bool) -> tuple[Engine, Engine]:
    if url.database in (None, "", ":memory:"):
        raise ValueError(
            "SHARDPLAN_DATABASE_URL needs a file, because readers and the writer have connections "
            "of their own: sqlite:///data/shardplan.db"
        )
    arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    writer = create_engine(url, poolclass=StaticPool, connect_args=arguments)
    reader = create_engine(url, poolclass=QueuePool, connect_args=arguments, **_READERS)
    durable = ("journal_mode=WAL", "synchronous=FULL")
    beside = "wal_autocheckpoint=0"
    _prepare(writer, "BEGIN IMMEDIATE", durable if checkpoints else (*durable, beside))
    _prepare(reader, "BEGIN", (beside, "query_only=ON"))
    return writer, reader


def _prepare(engine: Engine, begin: str, pragmas: tuple[str, ...]) -> None:
    """Sets every new connection up, and makes transactions start as told.

    The driver's own transaction handling is off: it would start them late and deferred.
    """

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        for pragma in ("foreign_keys=ON", f"busy_timeout={BUSY_SECONDS * 1000}", *pragmas):
            _set(connection, pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _set(connection: sqlite3.Connection, pragma: str) -> None:
    """Sets a pragma; the switch to WAL ignores busy_timeout, so this waits in its place."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute(f"PRAGMA {pragma}")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
