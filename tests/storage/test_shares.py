from __future__ import annotations

from datetime import timedelta

from app.storage.database import Database
from app.storage.workspaces import DEFAULT_WORKSPACE
from tests.storage.rows import NOW, plan_content, share_row


def test_a_share_is_found_by_the_hash_of_its_token(database: Database) -> None:
    share = share_row(expires_at=NOW + timedelta(days=90))
    with database.write() as repositories:
        repositories.plans.add("pl_1", plan_content(), NOW)
        repositories.shares.add(share)

    with database.read() as repositories:
        assert repositories.shares.by_token_hash("0" * 64) == (share, DEFAULT_WORKSPACE)
        assert repositories.shares.by_token_hash("1" * 64) is None
        assert repositories.shares.of_plan("pl_1") == [share]


def test_a_share_is_revoked_once_and_only_under_its_plan(database: Database) -> None:
    with database.write() as repositories:
        repositories.plans.add("pl_1", plan_content(), NOW)
        repositories.shares.add(share_row())
        assert not repositories.shares.revoke("pl_2", "sh_1", NOW)
        assert repositories.shares.revoke("pl_1", "sh_1", NOW)
        assert not repositories.shares.revoke("pl_1", "sh_1", NOW)
        (share,) = repositories.shares.of_plan("pl_1")
    assert share.revoked_at == NOW


def test_opening_a_share_is_remembered(database: Database) -> None:
    with database.write() as repositories:
        repositories.plans.add("pl_1", plan_content(), NOW)
        repositories.shares.add(share_row())
        repositories.shares.opened("sh_1", NOW)
        (share,) = repositories.shares.of_plan("pl_1")
    assert share.last_opened_at == NOW
