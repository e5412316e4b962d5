"""Creating something once, however often the request for it is repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel

from app.services.clock import Clock
from app.services.errors import IdempotencyConflict
from app.storage.database import Database
from app.storage.idempotency import IdempotencyRow
from app.storage.repositories import Repositories

FIRST_VERSION = 1


@dataclass(frozen=True, slots=True)
class Created:
    """A new object: its id, and its document as JSON text.

    `kept_document` is what a repeat of the request gets, where that differs.
    """

    id: str
    document: str
    kept_document: str | None = None


# Stores a new object within the caller's transaction.
Store = Callable[[Repositories], Created]


def fingerprint(operation: str, body: BaseModel) -> str:
    """Identifies a request: equal for bodies that differ only in the order of their keys."""
    sent = body.model_dump(mode="json", exclude_unset=True)
    text = json.dumps([operation, sent], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Creator:
    """Runs creations, each in one transaction together with its idempotency key."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(
        self, key: str | None, operation: str, body: BaseModel, prepare: Callable[[], Store]
    ) -> Created:
        """What `prepare()` stores or, for a key seen before, the first answer again.

        `prepare` does the slow part, outside of the transaction.

        Raises:
            IdempotencyConflict: the key was used for another request.
        """
        if key is None:
            store = prepare()
            with self._database.write() as repositories:
                return store(repositories)
        mark = fingerprint(operation, body)
        with self._database.read() as repositories:
            earlier = repositories.idempotency.find(key)
        if earlier is not None:
            return _repeated(earlier, mark)
        store = prepare()
        with self._database.write() as repositories:
            keys = repositories.idempotency
            earlier = keys.claim(key, mark, self._clock())
            if earlier is not None:
                return _repeated(earlier, mark)
            created = store(repositories)
            keys.answer(key, created.id, created.kept_document or created.document)
        return created


def _repeated(earlier: IdempotencyRow, mark: str) -> Created:
    if earlier.fingerprint != mark:
        raise IdempotencyConflict(
            "This key was used for another request. Use a new key for a new request."
        )
    return Created(earlier.object_id, earlier.document)
