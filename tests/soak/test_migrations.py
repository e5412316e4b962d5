"""`kill -9` while the schema migrates: it is the old one or the new one, and nothing is gone."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from app.storage.database import Database
from app.storage.schema import expected_revision, known_revisions, present_revision
from tests.soak.databases import another_url, drop, migrate_to
from tests.soak.integrity import problems_of
from tests.soak.server import ROOT, environment

OLDEST = known_revisions()[-1]
ROWS = 50
OPEN = (
    "import sys; from app.storage.database import Database; database = Database(sys.argv[1]);"
    "print('now', flush=True); database.open(); print('done', flush=True); sys.stdin.read()"
)


def old_database(url: str) -> None:
    """A database of the first version, with rows in it."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    migrate_to(url, OLDEST)
    engine = create_engine(url)
    with engine.begin() as connection:
        for number in range(ROWS):
            connection.execute(
                text(
                    "INSERT INTO model_profiles (id, version, name, definition, created_at, "
                    "updated_at) VALUES (:id, 1, :name, '{}', :at, :at)"
                ),
                {"id": f"mp_{number}", "name": f"Old {number}", "at": "2026-11-23 12:00:00"},
            )
    engine.dispose()


def revision_of(url: str) -> str:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return present_revision(connection)
    finally:
        engine.dispose()


def rows_of(url: str) -> int:
    database = Database(url)
    try:
        database.open()
        with database.read() as repositories:
            return len(repositories.model_profiles.page(None, ROWS + 1))
    finally:
        database.close()


@pytest.mark.slow
def test_a_migration_that_is_killed_has_happened_or_has_not(
    database_url: str,
    tmp_path: Path,
    size: Callable[[int, int], int],
    figure: Callable[[str], None],
) -> None:
    rounds = size(4, 100)
    moments = random.Random(20_26)
    old = another_url(database_url, tmp_path)
    old_database(old)
    ends: Counter[str] = Counter()
    for _ in range(rounds):
        url = another_url(database_url, tmp_path, like=old)
        if url.startswith("sqlite"):
            file = Path(url.removeprefix("sqlite:///"))
            file.parent.mkdir()
            shutil.copy(old.removeprefix("sqlite:///"), file)
        with subprocess.Popen(
            [sys.executable, "-c", OPEN, url],
            cwd=ROOT,
            env=environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"now\n"
            time.sleep(moments.uniform(0, 0.4))
            process.kill()
        ends[revision_of(url)] += 1
        assert rows_of(url) == ROWS
        assert revision_of(url) == expected_revision()
        assert problems_of(url) == []
        drop(database_url, url)
    assert ends.keys() <= {OLDEST, expected_revision()}
    figure(
        f"{rounds} kills from schema {OLDEST} on: left old {ends[OLDEST]} times, new "
        f"{ends[expected_revision()]} times, never between; {ROWS} of {ROWS} rows each time"
    )
