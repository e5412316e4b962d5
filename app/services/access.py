"""Who somebody is: keys to workspaces, and the browsers that signed in with one.

A key is 256 random bits, so its hash needs no salt and no slow function: there is nothing to guess
from a dictionary, and a key is looked up by its hash on every request.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from app.domain.errors import FieldError, InvalidInput
from app.services.clock import Clock
from app.services.errors import NotFound
from app.services.ids import new_id, token_hash
from app.storage.access import KeyRow, SessionRow
from app.storage.database import Database
from app.storage.errors import StorageUnavailable
from app.storage.repositories import Repositories

log = logging.getLogger(__name__)

Scope = Literal["read", "write"]
SCOPES: tuple[Scope, ...] = ("read", "write")
KEY_PREFIX = "shardplan_"  # lets programs that look for leaked secrets know one
SESSION_HOURS = 12
MOST_NAME = 200

_KEY = re.compile(rf"{KEY_PREFIX}[A-Za-z0-9_-]{{43}}")
_SESSION = re.compile(r"[A-Za-z0-9_-]{43}")
# A key that is used all the time need not write each time.
_USED_RESOLUTION = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who is known: what they may see, and whether they may change it."""

    workspace: str
    key_id: str
    key_name: str
    scope: Scope
    by_session: bool

    @property
    def may_write(self) -> bool:
        return self.scope == "write"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; `secret` is shown this once and stored nowhere."""

    id: str
    secret: str


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key without its secret."""

    id: str
    workspace: str
    name: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that signed in: what its cookie holds, and until when."""

    token: str
    expires_at: datetime


class AccessService:
    """Make, list and revoke keys; tell who a key or a cookie belongs to."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create_key(
        self, name: str, workspace: str, scope: Scope, expires_in_days: int | None = None
    ) -> NewKey:
        """Makes a key to the workspace of that name, and the workspace where it is missing.

        Raises:
            InvalidInput: a name is empty or too long, or the key would have ended already.
        """
        names = {"/name": name.strip(), "/workspace": workspace.strip()}
        for pointer, text in names.items():
            if not 1 <= len(text) <= MOST_NAME or not text.isprintable():
                detail = f"Use 1 to {MOST_NAME} printable characters."
                raise InvalidInput(FieldError(pointer, detail))
        if expires_in_days is not None and not 1 <= expires_in_days <= 3_650:
            raise InvalidInput(FieldError("/expires_in_days", "Use 1 to 3,650 days."))
        now = self._clock()
        ends = None if expires_in_days is None else now + timedelta(expires_in_days)
        made = NewKey(new_id("ak"), KEY_PREFIX + secrets.token_urlsafe(32))
        hashed = token_hash(made.secret)
        with self._database.write() as repositories:
            home = _workspace_named(repositories, names["/workspace"], now)
            repositories.access.add_key(
                KeyRow(made.id, home, names["/name"], scope, hashed, now, ends, None, None)
            )
        return made

    def keys(self) -> list[ListedKey]:
        """All keys, oldest first, revoked and ended ones included."""
        with self._database.read() as repositories:
            rows = repositories.access.keys()
            names = repositories.access.workspace_names()
        return [
            ListedKey(
                id=row.id,
                workspace=names[row.workspace_id],
                name=row.name,
                scope=_scope(row),
                created_at=row.created_at,
                expires_at=row.expires_at,
                revoked_at=row.revoked_at,
                last_used_at=row.last_used_at,
            )
            for row in rows
        ]

    def revoke_key(self, key_id: str) -> None:
        """Ends a key now, and the sessions that were signed in with it.

        Raises:
            NotFound: there is no such key, or it is revoked already.
        """
        with self._database.write() as repositories:
            if not repositories.access.revoke_key(key_id, self._clock()):
                raise NotFound(f"There is no live key {key_id!r}.")

    def by_key(self, secret: str) -> Principal | None:
        """Whose key this is; None for one that is unknown, revoked or ended."""
        if not _KEY.fullmatch(secret):
            return None
        return self._known(lambda r: r.access.key_by_hash(token_hash(secret)), by_session=False)

    def by_session(self, token: str) -> Principal | None:
        """Whose session this is; None once it, or the key behind it, has ended."""
        if not _SESSION.fullmatch(token):
            return None
        now = self._clock()
        return self._known(
            lambda r: r.access.key_of_session(token_hash(token), now), by_session=True
        )

    def sign_in(self, secret: str, *, instead_of: str = "") -> Session | None:
        """Starts a session with a key and ends another one; None where the key does not work."""
        principal = self.by_key(secret)
        if principal is None:
            return None
        now = self._clock()
        session = Session(secrets.token_urlsafe(32), now + timedelta(hours=SESSION_HOURS))
        with self._database.write() as repositories:
            repositories.access.forget_ended_sessions(now)
            if _SESSION.fullmatch(instead_of):
                repositories.access.end_session(token_hash(instead_of))
            repositories.access.add_session(
                SessionRow(token_hash(session.token), principal.key_id, now, session.expires_at)
            )
        return session

    def sign_out(self, token: str) -> None:
        """Ends a session now; one that is unknown is none already."""
        if _SESSION.fullmatch(token):
            with self._database.write() as repositories:
                repositories.access.end_session(token_hash(token))

    def _known(
        self, find: Callable[[Repositories], KeyRow | None], *, by_session: bool
    ) -> Principal | None:
        now = self._clock()
        with self._database.read() as repositories:
            row = find(repositories)
        if row is None or row.revoked_at is not None or _ended(row, now):
            return None
        if row.last_used_at is None or now - row.last_used_at >= _USED_RESOLUTION:
            self._remember_use(row.id, now)
        return Principal(row.workspace_id, row.id, row.name, _scope(row), by_session)

    def _remember_use(self, key_id: str, now: datetime) -> None:
        """Best effort: a database that takes no writes still lets its readers in."""
        try:
            with self._database.write() as repositories:
                repositories.access.key_used(key_id, now)
        except StorageUnavailable as error:
            log.warning("The use of %s is not remembered: %s", key_id, error.__cause__)


def _workspace_named(repositories: Repositories, name: str, now: datetime) -> str:
    found = repositories.access.workspace_named(name)
    if found is not None:
        return found
    made = new_id("ws")
    repositories.access.add_workspace(made, name, now)
    return made


def _scope(row: KeyRow) -> Scope:
    return "write" if row.scope == "write" else "read"


def _ended(row: KeyRow, now: datetime) -> bool:
    return row.expires_at is not None and row.expires_at <= now
