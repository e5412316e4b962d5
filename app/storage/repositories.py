"""The repositories of one transaction. They hold SQL and nothing else."""

from __future__ import annotations

from sqlalchemy import Connection

from app.storage import tables
from app.storage.idempotency import IdempotencyRepository
from app.storage.plans import PlanRepository
from app.storage.profiles import ProfileRepository
from app.storage.shares import ShareRepository


class Repositories:
    """What a unit of work can reach: every repository here shares its one connection."""

    def __init__(self, connection: Connection) -> None:
        self.model_profiles = ProfileRepository(connection, tables.model_profiles)
        self.hardware_profiles = ProfileRepository(connection, tables.hardware_profiles)
        self.plans = PlanRepository(connection)
        self.shares = ShareRepository(connection)
        self.idempotency = IdempotencyRepository(connection)
