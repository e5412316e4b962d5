"""What belongs to one workspace is not there for another, whatever is done with it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.storage.database import Database
from app.storage.workspaces import DEFAULT_WORKSPACE, NO_WORKSPACE
from tests.storage.rows import NOW, plan_content, share_row

OTHER = "ws_other"
TABLES = ["model_profiles", "hardware_profiles"]


@pytest.fixture
def other(database: Database) -> Database:
    """The database as a second workspace sees it."""
    with database.write() as repositories:
        repositories.access.add_workspace(OTHER, "Other", NOW)
    return database.within(OTHER)


def test_another_workspaces_plan_cannot_be_seen_or_changed(
    database: Database, other: Database
) -> None:
    with database.write() as repositories:
        repositories.plans.add("pl_1", plan_content(), NOW)
        repositories.shares.add(share_row())

    with other.write() as repositories:
        plans = repositories.plans
        assert plans.find("pl_1") is None
        assert plans.find("pl_1", 1) is None
        assert plans.current_version("pl_1", hold=True) is None
        assert plans.page(None, 10) == []
        assert plans.history("pl_1", None, 10) == []
        assert not plans.replace("pl_1", None, plan_content(name="Theirs"), NOW)
        assert not plans.delete("pl_1", None)
        assert repositories.shares.of_plan("pl_1") == []
        assert not repositories.shares.revoke("pl_1", "sh_1", NOW)

    with database.read() as repositories:
        row = repositories.plans.find("pl_1")
        assert row is not None
        assert (row.version, row.content) == (1, plan_content())
        assert repositories.shares.of_plan("pl_1") == [share_row()]


def test_a_share_is_found_by_its_token_from_anywhere(database: Database, other: Database) -> None:
    with database.write() as repositories:
        repositories.plans.add("pl_1", plan_content(), NOW)
        repositories.shares.add(share_row())

    for view in (database, other, database.within(NO_WORKSPACE)):
        with view.read() as repositories:
            found = repositories.shares.by_token_hash("0" * 64)
            assert found == (share_row(), DEFAULT_WORKSPACE)
            assert repositories.within(DEFAULT_WORKSPACE).plans.find("pl_1", 1) is not None


@pytest.mark.parametrize("table", TABLES)
def test_another_workspaces_profile_cannot_be_seen_or_changed(
    database: Database, other: Database, table: str
) -> None:
    with database.write() as repositories:
        getattr(repositories, table).add("xx_1", "Mine", "{}", NOW)

    with other.write() as repositories:
        profiles = getattr(repositories, table)
        assert profiles.find("xx_1") is None
        assert profiles.page(None, 10) == []
        assert profiles.names(10) == []
        assert not profiles.replace("xx_1", None, "Theirs", "{}", NOW)
        assert not profiles.delete("xx_1", None)

    with database.read() as repositories:
        assert getattr(repositories, table).find("xx_1").name == "Mine"


def test_an_idempotency_key_is_of_its_workspace(database: Database, other: Database) -> None:
    with database.write() as repositories:
        assert repositories.idempotency.claim("key", "f" * 64, NOW) is None
        repositories.idempotency.answer("key", "pl_1", "{}")

    with other.write() as repositories:
        assert repositories.idempotency.find("key") is None
        assert repositories.idempotency.claim("key", "e" * 64, NOW) is None
        repositories.idempotency.answer("key", "pl_2", "{}")
    with database.read() as repositories:
        mine = repositories.idempotency.find("key")
        assert mine is not None
        assert mine.object_id == "pl_1"


def test_lists_of_one_workspace_page_past_the_rows_of_another(
    database: Database, other: Database
) -> None:
    for number in range(6):
        with (database if number % 2 else other).write() as repositories:
            moment = NOW + timedelta(seconds=number)
            repositories.plans.add(f"pl_{number}", plan_content(), moment)

    with database.read() as repositories:
        assert [row.id for row in repositories.plans.page(None, 10)] == ["pl_5", "pl_3", "pl_1"]


def test_nobody_can_leave_anything_in_no_workspace(database: Database) -> None:
    def save() -> None:
        with database.within(NO_WORKSPACE).write() as repositories:
            repositories.plans.add("pl_1", plan_content(), NOW)

    with pytest.raises(Exception, match=r"(?i)foreign key"):
        save()
