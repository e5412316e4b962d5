from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from app.storage.database import Database
from app.storage.versioned import Position
from tests.storage.rows import NOW, plan_content, share_row


def test_a_stored_result_comes_back_to_the_byte(database: Database) -> None:
    content = plan_content()
    with database.write() as repositories:
        repositories.plans.add("pl_1", content, NOW)

    with database.read() as repositories:
        row = repositories.plans.find("pl_1")

    assert row is not None
    assert row.content == content
    assert (row.version, row.created_at, row.updated_at) == (1, NOW, NOW)
    assert row.created_at.utcoffset() == timedelta(0)


def test_of_twenty_writers_that_saw_the_same_version_one_wins(database: Database) -> None:
    with database.write() as repositories:
        repositories.plans.add("pl_1", plan_content(), NOW)

    def change(number: int) -> bool:
        with database.write() as repositories:
            content = plan_content(name=f"Writer {number}")
            return repositories.plans.replace("pl_1", {1}, content, NOW)

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(change, range(20)))

    assert outcomes.count(True) == 1
    with database.read() as repositories:
        row = repositories.plans.find("pl_1")
    assert row is not None
    assert row.version == 2
    assert row.content.name == f"Writer {outcomes.index(True)}"


def test_without_versions_the_current_one_is_changed(database: Database) -> None:
    with database.write() as repositories:
        repositories.plans.add("pl_1", plan_content(), NOW)
        assert repositories.plans.replace("pl_1", None, plan_content(name="New"), NOW)
        assert not repositories.plans.replace("pl_2", None, plan_content(), NOW)
        assert not repositories.plans.replace("pl_1", frozenset(), plan_content(), NOW)


def test_deleting_needs_the_current_version(database: Database) -> None:
    with database.write() as repositories:
        repositories.plans.add("pl_1", plan_content(), NOW)
        assert not repositories.plans.delete("pl_1", {2})
        assert repositories.plans.delete("pl_1", {1, 2})
        assert repositories.plans.find("pl_1") is None


def test_deleting_a_plan_deletes_its_shares(database: Database) -> None:
    with database.write() as repositories:
        repositories.plans.add("pl_1", plan_content(), NOW)
        repositories.shares.add(share_row())
    with database.write() as repositories:
        repositories.plans.delete("pl_1", None)
    with database.read() as repositories:
        assert repositories.shares.by_token_hash("0" * 64) is None


def test_pages_run_from_new_to_old_and_meet_every_plan_once(database: Database) -> None:
    moments = [NOW + timedelta(microseconds=i // 2) for i in range(7)]  # pairs share a moment
    with database.write() as repositories:
        for number, moment in enumerate(moments):
            repositories.plans.add(f"pl_{number}", plan_content(), moment)

    seen: list[str] = []
    after = None
    with database.read() as repositories:
        while rows := repositories.plans.page(after, 2):
            seen += [row.id for row in rows]
            after = Position(rows[-1].created_at, rows[-1].id)

    assert seen == [f"pl_{number}" for number in (6, 5, 4, 3, 2, 1, 0)]


def test_a_plan_is_there_until_it_is_deleted(database: Database) -> None:
    with database.write() as repositories:
        assert repositories.plans.current_version("pl_1", hold=True) is None
        repositories.plans.add("pl_1", plan_content(), NOW)
        assert repositories.plans.current_version("pl_1", hold=True) == 1
    with database.read() as repositories:
        assert repositories.plans.current_version("pl_1") == 1
        assert repositories.plans.current_version("pl_2") is None


def test_every_version_stays_readable(database: Database) -> None:
    later = NOW + timedelta(days=1)
    with database.write() as repositories:
        repositories.plans.add("pl_1", plan_content(name="First"), NOW)
        assert repositories.plans.replace("pl_1", {1}, plan_content(name="Second"), later)

    with database.read() as repositories:
        plans = repositories.plans
        first, second = plans.find("pl_1", 1), plans.find("pl_1", 2)
        assert plans.find("pl_1") == second
        assert plans.find("pl_1", 3) is None
        history = [(row.version, row.name) for row in plans.history("pl_1", None, 10)]
        assert [row.version for row in plans.history("pl_1", 2, 10)] == [1]
        assert [row.version for row in plans.history("pl_1", None, 1)] == [2]
    assert first is not None
    assert second is not None
    assert (first.content.name, first.created_at, first.updated_at) == ("First", NOW, NOW)
    assert (second.content.name, second.created_at, second.updated_at) == ("Second", NOW, later)
    assert history == [(2, "Second"), (1, "First")]


def test_deleting_a_plan_deletes_its_versions(database: Database) -> None:
    with database.write() as repositories:
        repositories.plans.add("pl_1", plan_content(), NOW)
        assert repositories.plans.replace("pl_1", None, plan_content(), NOW)
        assert repositories.plans.delete("pl_1", {2})
        assert repositories.plans.history("pl_1", None, 10) == []
        assert repositories.plans.find("pl_1", 1) is None
