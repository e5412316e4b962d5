from __future__ import annotations

from datetime import timedelta

import pytest

from app.storage.database import Database
from tests.storage.rows import NOW

TABLES = ("model_profiles", "hardware_profiles")


@pytest.mark.parametrize("table", TABLES)
def test_a_profile_is_kept_replaced_and_deleted(database: Database, table: str) -> None:
    later = NOW + timedelta(days=1)
    with database.write() as repositories:
        profiles = getattr(repositories, table)
        profiles.add("xx_1", "Ours", '{"a": 1}', NOW)
        assert profiles.replace("xx_1", {1}, "Theirs", '{"a": 2}', later)
        assert not profiles.replace("xx_1", {1}, "Nobody's", "{}", later)
    with database.read() as repositories:
        row = getattr(repositories, table).find("xx_1")
    assert (row.version, row.name, row.definition) == (2, "Theirs", '{"a": 2}')
    assert (row.created_at, row.updated_at) == (NOW, later)
    with database.write() as repositories:
        assert getattr(repositories, table).delete("xx_1", {2})
    with database.read() as repositories:
        assert getattr(repositories, table).find("xx_1") is None


@pytest.mark.parametrize("table", TABLES)
def test_names_are_read_newest_first_and_as_many_as_asked_for(
    database: Database, table: str
) -> None:
    with database.write() as repositories:
        for day in range(3):
            moment = NOW + timedelta(days=day)
            getattr(repositories, table).add(f"xx_{day}", f"Day {day}", "{}", moment)
    with database.read() as repositories:
        names = getattr(repositories, table).names(2)
    assert names == [("xx_2", "Day 2"), ("xx_1", "Day 1")]
