"""Fifty programs at the same object, key or table over HTTP, on SQLite and PostgreSQL."""

from __future__ import annotations

import http.client
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.factories import new_hardware_profile, new_plan
from tests.soak.clients import PROFILES, every_profile
from tests.soak.server import Answer, Server, send

PROGRAMS = 50
PLANS = "/api/v1/plans"

Request = Callable[[http.client.HTTPConnection, int], Answer]


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.slow])],
    scope="module",
)
def racing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("races")
    url = f"sqlite:///{folder}/shardplan.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    with Server(url, folder) as server:
        yield server


def at_once(server: Server, request: Request) -> list[Answer]:
    """The answers to one request of each program, all sent at the same moment."""
    answers: list[Answer] = []
    begin = threading.Barrier(PROGRAMS)

    def run(number: int) -> None:
        connection = server.connection()
        connection.connect()
        begin.wait()
        answers.append(request(connection, number))
        connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(PROGRAMS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == PROGRAMS
    return answers


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def test_fifty_writers_at_once_all_succeed(
    racing: Server, size: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    rounds = size(1, 20)
    before = len(every_profile(racing))
    for round_ in range(rounds):
        answers = at_once(
            racing,
            lambda connection, number, round_=round_: send(  # type: ignore[misc]
                connection, "POST", PROFILES, new_hardware_profile(name=f"{round_}-{number}")
            ),
        )
        assert statuses(answers) == {201: PROGRAMS}
    assert len(every_profile(racing)) - before == rounds * PROGRAMS
    assert "locked" not in racing.log()
    figure(f"{rounds} x {PROGRAMS} writers at once: all 201, none locked, no 5xx")


def test_of_fifty_changes_to_the_same_version_one_wins(
    racing: Server, size: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    rounds = size(1, 20)
    made = racing.request("POST", PROFILES, new_hardware_profile()).json()
    path = f"{PROFILES}/{made['id']}"
    for version in range(1, rounds + 1):
        answers = at_once(
            racing,
            lambda connection, number, version=version: send(  # type: ignore[misc]
                connection,
                "PUT",
                path,
                new_hardware_profile(name=f"{version}-{number}"),
                {"If-Match": f'"{version}"'},
            ),
        )
        assert statuses(answers) == {200: 1, 412: PROGRAMS - 1}
        (winner,) = (answer for answer in answers if answer.status == 200)
        now = racing.request("GET", path)
        assert now.headers["etag"] == f'"{version + 1}"'
        assert now.json()["name"] == winner.json()["name"]
    figure(f"{rounds} x {PROGRAMS} If-Match of the same version: one 200, all others 412")


def test_fifty_posts_under_one_key_make_one_plan(
    racing: Server, size: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    rounds = size(1, 20)
    made = set()
    for _ in range(rounds):
        key = {"Idempotency-Key": uuid.uuid4().hex}
        answers = at_once(
            racing,
            lambda connection, _, key=key: send(  # type: ignore[misc]
                connection, "POST", PLANS, new_plan(name="One"), key
            ),
        )
        assert statuses(answers) == {201: PROGRAMS}
        assert len({answer.body for answer in answers}) == 1
        assert len({answer.headers["location"] for answer in answers}) == 1
        made.add(answers[0].json()["id"])
    listed = racing.request("GET", f"{PLANS}?limit=100").json()["items"]
    assert {plan["id"] for plan in listed} == made
    figure(f"{rounds} x {PROGRAMS} POSTs of one key: one row, the same answer to all")
