"""The repositories of one transaction. They hold SQL and nothing else."""

from __future__ import annotations

from sqlalchemy import Connection

from app.storage import tables
from app.storage.access import AccessRepository
from app.storage.idempotency import IdempotencyRepository
from app.storage.plans import PlanRepository
from app.storage.profiles import ProfileRepository
from app.storage.shares import ShareRepository


class Repositories:
    """What a unit of work can reach: every repository here shares its one connection.

    All of them see one workspace alone, but for `access`, which says who belongs where, and for a
    share that is asked for by its token.
    """

    def __init__(self, connection: Connection, workspace: str) -> None:
        self._connection = connection
        self.model_profiles = ProfileRepository(connection, tables.model_profiles, workspace)
        self.hardware_profiles = ProfileRepository(connection, tables.hardware_profiles, workspace)
        self.plans = PlanRepository(connection, workspace)
        self.shares = ShareRepository(connection, workspace)
        self.idempotency = IdempotencyRepository(connection, workspace)
        self.access = AccessRepository(connection)

    def within(self, workspace: str) -> Repositories:
        """The same transaction in another workspace."""
        return Repositories(self._connection, workspace)
