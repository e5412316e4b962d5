"""`kill -9` while programs write: what was acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.clients import Client, every_profile, versions_by_id
from tests.soak.integrity import problems_of
from tests.soak.server import Server

CLIENTS = 4


@pytest.mark.parametrize(
    "database_url",
    ["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.slow])],
    indirect=True,
)
def test_a_killed_server_keeps_what_it_acknowledged_and_repeats_make_no_second(
    database_url: str,
    tmp_path: Path,
    size: Callable[[int, int], int],
    figure: Callable[[str], None],
) -> None:
    rounds = size(2, 500)
    moments = random.Random(20_26)
    ready: list[float] = []
    repeated = 0
    clients = [Client(f"client-{number}") for number in range(CLIENTS)]
    server = Server(database_url, tmp_path)
    server.start()
    try:
        for number in range(rounds):
            stop = threading.Event()
            before = [dict(client.versions) for client in clients]
            steps = sum(client.steps for client in clients)
            threads = [
                threading.Thread(target=client.run, args=(server, stop)) for client in clients
            ]
            for thread in threads:
                thread.start()
            time.sleep(moments.uniform(0.05, 0.5))
            server.kill()
            stop.set()
            for thread in threads:
                thread.join()
            ready.append(server.start())
            repeated += sum(client.open_creation is not None for client in clients)
            for client in clients:
                client.repeat(server)
            written = sum(client.steps for client in clients) - steps
            newest = versions_by_id(server, newest=written + 100)
            for client, known in zip(clients, before, strict=True):
                assert client.refused == []
                assert client.lost(newest, since=known) == [], f"round {number}"
            if number % 20 == 0:
                assert problems_of(database_url) == []

        assert problems_of(database_url) == []
        there = versions_by_id(server)
        assert [client.lost(there) for client in clients] == [[]] * CLIENTS
        acknowledged = {k: made for client in clients for k, made in client.created.items()}
        assert Counter(profile["id"] for profile in every_profile(server)) == Counter(
            acknowledged.values()
        )
        assert len(set(acknowledged.values())) == len(acknowledged)
    finally:
        if server.process.poll() is None:
            server.kill()
    figure(
        f"{rounds} kills, {CLIENTS} clients, {sum(client.steps for client in clients)} writes, "
        f"{len(acknowledged)} created, 0 lost, {repeated} repeated, 0 twice; ready again in "
        f"{statistics.median(ready):.2f} s (median), {max(ready):.2f} s at most, "
        f"{sum(seconds >= 2 for seconds in ready)} times 2 s or more"
    )
    # A start is bound by the processor: a short form shares it with other tests.
    assert statistics.median(ready) < size(20, 2)
