"""Backups while programs write: each restores, is whole, and has what was acknowledged before."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.storage.backups import back_up, restore
from app.storage.database import Database
from tests.postgres import client_programs
from tests.soak.clients import Client, versions_by_id
from tests.soak.databases import another_url, drop
from tests.soak.integrity import problems_of
from tests.soak.server import Server

CLIENTS = 4


def versions_in(url: str, ids: list[str]) -> dict[str, int]:
    """The version that each of these objects has in a database, of those that it has."""
    database = Database(url)
    try:
        database.open()
        with database.read() as repositories:
            found = {id_: repositories.hardware_profiles.find(id_) for id_ in ids}
        return {id_: row.version for id_, row in found.items() if row is not None}
    finally:
        database.close()


@pytest.mark.slow
def test_every_backup_under_load_restores(
    database_url: str,
    tmp_path: Path,
    size: Callable[[int, int], int],
    figure: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", f"{client_programs()}:{os.environ['PATH']}")
    rounds = size(3, 100)
    clients = [Client(f"client-{number}") for number in range(CLIENTS)]
    stop = threading.Event()
    seconds = []
    sizes = []
    with Server(database_url, tmp_path) as server:
        threads = [threading.Thread(target=client.run, args=(server, stop)) for client in clients]
        for thread in threads:
            thread.start()
        try:
            while not all(client.versions for client in clients):
                time.sleep(0.05)
            for number in range(rounds):
                time.sleep(0.2)
                before = {
                    id_: version
                    for client in clients
                    for id_, version in list(client.versions.items())[-50:]
                }
                backup = tmp_path / f"backup-{number}"
                start = time.monotonic()
                back_up(database_url, backup)
                seconds.append(time.monotonic() - start)
                sizes.append(backup.stat().st_size)
                elsewhere = another_url(database_url, tmp_path)
                restore(elsewhere, backup)
                found = versions_in(elsewhere, list(before))
                assert found.keys() == before.keys(), f"backup {number}"
                assert all(found[id_] >= version for id_, version in before.items())
                assert problems_of(elsewhere) == []
                drop(database_url, elsewhere)
                backup.unlink()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert all(client.refused == [] for client in clients)
        there = versions_by_id(server)
        assert [client.lost(there) for client in clients] == [[]] * CLIENTS
    figure(
        f"{rounds} of {rounds} backups under {CLIENTS} writing clients restored, whole, with all "
        f"that was acknowledged; {sum(client.steps for client in clients)} writes meanwhile, none "
        f"refused; {max(seconds):.2f} s at most, up to {max(sizes):,} bytes"
    )
