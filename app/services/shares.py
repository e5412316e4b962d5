"""Links to plans that anybody who has one may read, until it ends."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from app.schemas.plans import CreatedShare, NewShare, Share
from app.services.clock import Clock
from app.services.creating import Created, Creator, Store
from app.services.errors import NotFound
from app.services.ids import is_id, is_token, new_id, new_token, token_hash
from app.services.plans import Plan, plan_not_found
from app.storage.database import Database
from app.storage.errors import StorageUnavailable
from app.storage.repositories import Repositories
from app.storage.shares import ShareRow

log = logging.getLogger(__name__)

# A page that is reloaded need not write each time.
_OPENED_RESOLUTION = timedelta(minutes=1)

CREATED_SHARE: TypeAdapter[CreatedShare] = TypeAdapter(CreatedShare)
_MOMENT: TypeAdapter[datetime | None] = TypeAdapter(datetime | None)


@dataclass(frozen=True, slots=True)
class SharedPlan:
    """A plan as its link shows it, and when the link ends."""

    plan: Plan
    expires_at: datetime | None

    def document(self) -> str:
        """The plan's JSON text with the link's end added."""
        return self.plan.document(f',"expires_at":{_MOMENT.dump_json(self.expires_at).decode()}')


class ShareService:
    """Create, list, revoke and open links."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._creator = Creator(database, clock)

    def create(
        self, plan_id: str, new: NewShare, base_url: str = "", key: str | None = None
    ) -> CreatedShare:
        """Makes a link whose address starts with `base_url`, once per idempotency key.

        The token is in this answer only; a repeat has null for it and for the address.

        Raises:
            NotFound: there is no such plan.
        """

        def prepare() -> Store:
            now = self._clock()
            ends = None if new.expires_in_days is None else now + timedelta(new.expires_in_days)
            token = new_token()
            share_id, hashed = new_id("sh"), token_hash(token)
            shown = CreatedShare(share_id, token, f"{base_url}/s/{token}", ends)
            kept = CreatedShare(share_id, None, None, ends)

            def store(repositories: Repositories) -> Created:
                version = _current_version(repositories, plan_id, hold=True)
                repositories.shares.add(
                    ShareRow(share_id, plan_id, version, hashed, now, ends, None, None)
                )
                return Created(share_id, _text(shown), _text(kept))

            return store

        created = self._creator.create(key, f"share of {plan_id}", new, prepare)
        return CREATED_SHARE.validate_json(created.document)

    def of_plan(self, plan_id: str) -> list[Share]:
        """A plan's links, newest first, revoked and ended ones included.

        Raises:
            NotFound: there is no such plan.
        """
        with self._database.read() as repositories:
            _current_version(repositories, plan_id)
            rows = repositories.shares.of_plan(plan_id)
        return [
            Share(
                id=row.id,
                plan_version=row.plan_version,
                created_at=row.created_at,
                expires_at=row.expires_at,
                revoked_at=row.revoked_at,
                last_opened_at=row.last_opened_at,
            )
            for row in rows
        ]

    def revoke(self, plan_id: str, share_id: str) -> None:
        """Ends a link now.

        Raises:
            NotFound: there is no such link, or it is revoked already.
        """
        if is_id(plan_id) and is_id(share_id):
            with self._database.write() as repositories:
                if repositories.shares.revoke(plan_id, share_id, self._clock()):
                    return
        raise NotFound(f"There is no live share {share_id!r} of plan {plan_id!r}.")

    def open(self, token: str) -> SharedPlan:
        """The plan behind a link, at the version that was shared, whoever's it is.

        Raises:
            NotFound: the token is unknown, revoked or expired; which of these is not told.
        """
        nothing = NotFound("This link does not work. Ask whoever sent it for a new one.")
        if not is_token(token):
            raise nothing
        now = self._clock()
        with self._database.read() as repositories:
            found = repositories.shares.by_token_hash(token_hash(token))
            if found is None:
                raise nothing
            share, workspace = found
            if share.revoked_at is not None or _ended(share, now):
                raise nothing
            plans = repositories.within(workspace).plans
            row = plans.find(share.plan_id, share.plan_version)
        if row is None:
            raise nothing
        if share.last_opened_at is None or now - share.last_opened_at >= _OPENED_RESOLUTION:
            self._remember_opening(share.id, now)
        return SharedPlan(Plan(row), share.expires_at)

    def _remember_opening(self, share_id: str, now: datetime) -> None:
        """Best effort: a database that takes no writes still shows what it has."""
        try:
            with self._database.write() as repositories:
                repositories.shares.opened(share_id, now)
        except StorageUnavailable as error:
            log.warning("The opening of %s is not remembered: %s", share_id, error.__cause__)


def _current_version(repositories: Repositories, plan_id: str, *, hold: bool = False) -> int:
    version = repositories.plans.current_version(plan_id, hold=hold) if is_id(plan_id) else None
    if version is None:
        raise plan_not_found(plan_id)
    return version


def _ended(share: ShareRow, now: datetime) -> bool:
    return share.expires_at is not None and share.expires_at <= now


def _text(share: CreatedShare) -> str:
    return CREATED_SHARE.dump_json(share).decode()
