"""Saved profiles: what model and hardware profiles have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter

from app.schemas.pages import Page
from app.schemas.profiles import NewProfile, NewProfileCopy
from app.services.clock import Clock
from app.services.concurrency import IfMatch
from app.services.creating import FIRST_VERSION, Created, Creator, Store
from app.services.cursors import decode_cursor, encode_cursor
from app.services.errors import NotFound, PreconditionFailed
from app.services.ids import is_id, new_id
from app.storage.database import Database
from app.storage.profiles import ProfileName, ProfileRepository, ProfileRow
from app.storage.repositories import Repositories
from app.storage.versioned import Position

NAME_LENGTH = 200

New = TypeVar("New", bound=NewProfile)
Document = TypeVar("Document")


class ProfileService(ABC, Generic[New, Document]):
    """Create, list, read, replace and delete one kind of profile."""

    kind: ClassVar[str]
    id_prefix: ClassVar[str]

    def __init__(
        self, database: Database, clock: Clock, document_type: TypeAdapter[Document]
    ) -> None:
        self._database = database
        self._clock = clock
        self._creator = Creator(database, clock)
        self._document_type = document_type

    @abstractmethod
    def repository(self, repositories: Repositories) -> ProfileRepository:
        """The table of this kind."""

    @abstractmethod
    def check(self, new: New) -> None:
        """Raises InvalidInput, with pointers into `new`, for what no job could use."""

    @abstractmethod
    def definition(self, new: New) -> str:
        """What is stored of `new` besides its name, as JSON text."""

    @abstractmethod
    def source(self, row: ProfileRow) -> New:
        """What would create the profile again."""

    @abstractmethod
    def show(self, row: ProfileRow) -> Document:
        """The profile as it is shown."""

    def create(self, new: New, key: str | None = None) -> Created:
        """Saves a new profile, once per idempotency key."""
        return self._save(key, self.kind, new, new)

    def copy(self, profile_id: str, wanted: NewProfileCopy, key: str | None = None) -> Created:
        """Saves a profile once more, once per idempotency key. Raises as `get` does."""
        copied = self.source(self.row(profile_id))
        name = wanted.name or f"Copy of {copied.name}"[:NAME_LENGTH].strip()
        named = copied.model_copy(update={"name": name})
        return self._save(key, f"copy of {profile_id}", wanted, named)

    def _save(self, key: str | None, operation: str, body: BaseModel, new: New) -> Created:
        def prepare() -> Store:
            row = self.checked(self.completed(new), new_id(self.id_prefix), self._clock())
            document = self.text(row)

            def store(repositories: Repositories) -> Created:
                self.repository(repositories).add(row.id, row.name, row.definition, row.created_at)
                return Created(row.id, document)

            return store

        return self._creator.create(key, operation, body, prepare)

    def completed(self, new: New) -> New:
        """`new` with what has to be looked up before it can be checked; not on replays."""
        return new

    def checked(self, new: New, profile_id: str, now: datetime) -> ProfileRow:
        """A profile as `create` would save it; raises InvalidInput for what no job could use."""
        self.check(new)
        return ProfileRow(profile_id, FIRST_VERSION, new.name, self.definition(new), now, now)

    def text(self, row: ProfileRow) -> str:
        """The profile's document as JSON text."""
        return self._document_type.dump_json(self.show(row)).decode()

    def page(self, cursor: str | None = None, limit: int = 50) -> Page[Document]:
        """The newest profiles, or those after a cursor."""
        after = decode_cursor(cursor)
        with self._database.read() as repositories:
            rows = self.repository(repositories).page(after, limit + 1)
        return page_of(rows, limit, lambda row: Position(row.created_at, row.id), self.show)

    def get(self, profile_id: str) -> Document:
        """One profile.

        Raises:
            NotFound: there is none with this id.
        """
        return self.show(self.row(profile_id))

    def row(self, profile_id: str) -> ProfileRow:
        """One profile as stored; raises as `get` does."""
        if is_id(profile_id):
            with self._database.read() as repositories:
                row = self.repository(repositories).find(profile_id)
            if row is not None:
                return row
        raise self._not_found(profile_id)

    def names(self, limit: int = 200) -> list[ProfileName]:
        """The newest profiles' names, as many as a menu holds."""
        with self._database.read() as repositories:
            return self.repository(repositories).names(limit)

    def name_of(self, profile_id: str) -> str | None:
        """What a profile is called; None when there is none with this id."""
        try:
            return self.row(profile_id).name
        except NotFound:
            return None

    def replace(self, profile_id: str, new: New, if_match: IfMatch) -> Document:
        """Gives a profile new contents.

        Raises:
            NotFound: there is none with this id.
            PreconditionFailed: it has changed since the versions in `if_match`.
        """
        self.check(new)
        now = self._clock()
        with self._database.write() as repositories:
            repository = self.repository(repositories)
            done = is_id(profile_id) and repository.replace(
                profile_id, if_match.versions, new.name, self.definition(new), now
            )
            row = repository.find(profile_id) if is_id(profile_id) else None
        if row is None:
            raise self._not_found(profile_id)
        if not done:
            raise changed_meanwhile(self.kind, row.version)
        return self.show(row)

    def delete(self, profile_id: str, if_match: IfMatch) -> None:
        """Deletes a profile; plans made with it keep their results. Raises as `replace`."""
        if not is_id(profile_id):
            raise self._not_found(profile_id)
        with self._database.write() as repositories:
            repository = self.repository(repositories)
            if repository.delete(profile_id, if_match.versions):
                return
            row = repository.find(profile_id)
        if row is None:
            raise self._not_found(profile_id)
        raise changed_meanwhile(self.kind, row.version)

    def _not_found(self, profile_id: str) -> NotFound:
        return NotFound(f"There is no {self.kind} {profile_id!r}.")


def changed_meanwhile(kind: str, version: int) -> PreconditionFailed:
    """The error for a change that starts from an old version."""
    return PreconditionFailed(
        f"This {kind} has changed: it is at version {version} now. Read it again, then repeat."
    )


Row = TypeVar("Row")


def page_of(
    rows: list[Row],
    limit: int,
    position: Callable[[Row], Position],
    show: Callable[[Row], Document],
) -> Page[Document]:
    """A page from `limit` + 1 rows: the one too many only tells that there is a next page."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page([show(row) for row in shown], encode_cursor(position(shown[-1])) if more else None)
