"""Two replicas on one PostgreSQL: one is killed under load and the other one carries on."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.clients import NO_ANSWER, Client, every_profile, versions_by_id
from tests.soak.server import Server

CLIENTS = 4


class Roaming(Client):
    """Repeats what one replica left without an answer at the other one, under the same key."""

    moves = 0

    def roam(self, replicas: list[Server], stop: threading.Event) -> None:
        """Works until told to stop, at whichever replica answers."""
        place = 0
        connection: http.client.HTTPConnection | None = None
        while not stop.is_set():
            try:
                if connection is None:
                    connection = replicas[place].connection()
                    self.repeat(replicas[place])
                self.step(connection)
            except NO_ANSWER:
                self.moves += 1
                place = (place + 1) % len(replicas)
                connection = None
        if connection is not None:
            connection.close()


@pytest.mark.postgres
@pytest.mark.slow
def test_a_replica_that_is_killed_under_load_loses_nothing(
    postgres_database: str,
    tmp_path: Path,
    size: Callable[[int, int], int],
    figure: Callable[[str], None],
) -> None:
    rounds = size(2, 50)
    moments = random.Random(20_26)
    replicas = [Server(postgres_database, tmp_path) for _ in range(2)]
    clients = [Roaming(f"client-{number}") for number in range(CLIENTS)]
    stop = threading.Event()
    try:
        # Both find an empty database at the same moment, and take turns migrating it.
        starting = [threading.Thread(target=replica.start) for replica in replicas]
        for thread in starting:
            thread.start()
        for thread in starting:
            thread.join()
        assert [replica.request("GET", "/readyz").status for replica in replicas] == [200, 200]
        threads = [
            threading.Thread(target=client.roam, args=(replicas, stop)) for client in clients
        ]
        for thread in threads:
            thread.start()
        for number in range(rounds):
            time.sleep(moments.uniform(0.3, 1.0))
            replicas[number % 2].kill()
            time.sleep(0.2)
            replicas[number % 2].start()
        stop.set()
        for thread in threads:
            thread.join()
        for client in clients:
            client.repeat(replicas[0])
        assert all(client.refused == [] for client in clients)
        for replica in replicas:
            there = versions_by_id(replica)
            assert [client.lost(there) for client in clients] == [[]] * CLIENTS
        listed = {profile["id"] for profile in every_profile(replicas[1])}
        made = [profile for client in clients for profile in client.created.values()]
        assert sorted(listed) == sorted(made)
    finally:
        stop.set()
        for replica in replicas:
            replica.__exit__(None, None, None)
    figure(
        f"{rounds} kills of one of two replicas, {CLIENTS} clients: "
        f"{sum(client.steps for client in clients)} writes, "
        f"{sum(client.moves for client in clients)} moves to the other replica, 0 lost, 0 twice"
    )
