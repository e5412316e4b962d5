"""SIGTERM under load: readiness turns first, every request gets its whole answer, status 0."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.factories import estimate_request
from tests.soak.clients import NO_ANSWER, every_profile, versions_by_id
from tests.soak.clients import Client as Writer
from tests.soak.server import Server, send

pytestmark = pytest.mark.slow

READERS = 6
WRITERS = 4
GRACE_S = 3.0


class Balancer:
    """Sends requests to a server for as long as its readiness says so, as a load balancer does."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.away = threading.Event()
        self.turned_after_s = 0.0

    def watch(self, told: float) -> None:
        try:
            while self._server.request("GET", "/readyz").status == 200:
                time.sleep(0.05)
            self.turned_after_s = time.monotonic() - told
        finally:
            self.away.set()


def read(server: Server, away: threading.Event, answered: list[int], dropped: list[str]) -> None:
    connection = server.connection()
    while not away.is_set():
        try:
            answer = send(connection, "POST", "/api/v1/estimates", estimate_request())
        except NO_ANSWER as error:
            dropped.append(repr(error))
            continue
        answered.append(answer.status)
    connection.close()


def write(server: Server, away: threading.Event, writer: Writer, dropped: list[str]) -> None:
    connection = server.connection()
    while not away.is_set():
        try:
            writer.step(connection)
        except NO_ANSWER as error:
            dropped.append(repr(error))
    connection.close()


def test_nothing_is_dropped_when_a_balancer_heeds_readiness(
    database_url: str,
    tmp_path: Path,
    size: Callable[[int, int], int],
    figure: Callable[[str], None],
) -> None:
    rounds = size(1, 25)
    answered: list[int] = []
    dropped: list[str] = []
    turned: list[float] = []
    writers = [Writer(f"writer-{number}") for number in range(WRITERS)]
    for _ in range(rounds):
        server = Server(database_url, tmp_path, SHARDPLAN_SHUTDOWN_GRACE_SECONDS=str(GRACE_S))
        with server:
            balancer = Balancer(server)
            threads = [
                threading.Thread(target=read, args=(server, balancer.away, answered, dropped))
                for _ in range(READERS)
            ] + [
                threading.Thread(target=write, args=(server, balancer.away, writer, dropped))
                for writer in writers
            ]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            server.terminate()
            balancer.watch(time.monotonic())
            for thread in threads:
                thread.join()
            assert server.wait() == 0, server.log()
            assert "Traceback" not in server.log()
        turned.append(balancer.turned_after_s)

    assert dropped == []
    assert set(answered) == {200}
    assert all(writer.refused == [] for writer in writers)
    with Server(database_url, tmp_path) as server:
        there = versions_by_id(server)
        assert [writer.lost(there) for writer in writers] == [[]] * WRITERS
        assert len(every_profile(server)) == sum(len(writer.created) for writer in writers)
    assert max(turned) < GRACE_S
    figure(
        f"{rounds} x SIGTERM under {READERS} readers and {WRITERS} writers: "
        f"{len(answered) + sum(writer.steps for writer in writers)} requests, 0 dropped, status 0; "
        f"readiness turned within {max(turned) * 1000:.0f} ms"
    )


def test_a_client_that_heeds_nothing_is_never_left_with_half_an_answer(
    tmp_path: Path, size: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    """It goes on until nobody listens; what was begun is answered or safely repeated."""
    url = f"sqlite:///{tmp_path}/shardplan.db"
    writers = [Writer(f"writer-{number}") for number in range(WRITERS)]
    rounds = size(1, 10)
    never = threading.Event()
    for _ in range(rounds):
        with Server(url, tmp_path, SHARDPLAN_SHUTDOWN_GRACE_SECONDS="0.3") as server:
            threads = [
                threading.Thread(target=writer.run, args=(server, never)) for writer in writers
            ]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            server.terminate()
            for thread in threads:
                thread.join()
            assert server.wait() == 0
        with Server(url, tmp_path) as server:
            for writer in writers:
                writer.repeat(server)
            there = versions_by_id(server)
            for writer in writers:
                assert writer.refused == []
                assert writer.lost(there) == []
            assert len(there) == sum(len(writer.created) for writer in writers)
    figure(f"{rounds} x SIGTERM under clients that never stop: 0 lost, 0 twice, status 0")
