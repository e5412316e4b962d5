from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.storage.database import Database
from app.storage.idempotency import IdempotencyRow
from tests.storage.rows import NOW


def test_a_key_is_claimed_once_and_keeps_its_answer(database: Database) -> None:
    with database.write() as repositories:
        assert repositories.idempotency.claim("key", "f" * 64, NOW) is None
        repositories.idempotency.answer("key", "pl_1", "{}")
    with database.write() as repositories:
        first = IdempotencyRow("f" * 64, "pl_1", "{}")
        assert repositories.idempotency.claim("key", "e" * 64, NOW) == first
        assert repositories.idempotency.find("key") == first
        assert repositories.idempotency.find("other") is None


def test_a_claim_is_given_up_with_its_unit_of_work(database: Database) -> None:
    def claim_and_fail() -> None:
        with database.write() as repositories:
            repositories.idempotency.claim("key", "f" * 64, NOW)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        claim_and_fail()

    with database.write() as repositories:
        assert repositories.idempotency.claim("key", "f" * 64, NOW) is None


def test_of_many_claims_at_once_one_wins(database: Database) -> None:
    def claim(_: int) -> bool:
        with database.write() as repositories:
            keys = repositories.idempotency
            if keys.claim("key", "f" * 64, NOW) is not None:
                return False
            keys.answer("key", "pl_1", "{}")
            return True

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(claim, range(20))).count(True) == 1
