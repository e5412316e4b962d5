"""A full disk: writes are refused with a sentence, reads go on, and space is all that is needed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.factories import estimate_request, new_plan
from tests.soak.integrity import problems_of
from tests.soak.server import Answer, Server

pytestmark = pytest.mark.slow

PLANS = "/api/v1/plans"


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system in memory of a given size; only root can make one."""
    disk = folder / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], capture_output=True
    )
    if made.returncode != 0:
        pytest.skip("only root can mount a small file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def fill_up(ballast: IO[bytes]) -> None:
    while True:
        ballast.write(b"\0" * 4096)


def fill(file: Path) -> None:
    """Takes all the space that is left."""
    with file.open("wb", buffering=0) as ballast, pytest.raises(OSError, match="No space left"):
        fill_up(ballast)


def save(server: Server, number: int) -> Answer:
    key = {"Idempotency-Key": f"plan-{number}"}
    return server.request("POST", PLANS, new_plan(name=f"Plan {number}"), key)


def test_a_full_disk_refuses_writes_and_nothing_else(
    tmp_path: Path, size: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    rounds = size(1, 10)
    saved: dict[int, str] = {}
    deleted: list[int] = []
    refused = 0
    number = 0
    with small_disk(tmp_path, "8m") as disk:
        ballast = disk / "ballast"
        url = f"sqlite:///{disk}/shardplan.db"
        with Server(url, tmp_path) as server:
            for _ in range(rounds):
                # Somebody else's file takes all that is left.
                fill(ballast)
                number += 1
                while (answer := save(server, number)).status == 201:
                    saved[number] = answer.json()["id"]
                    number += 1
                assert answer.status == 503, answer.body
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["retry-after"] == "5"
                assert "Traceback" not in answer.body.decode()
                refused += 1

                assert server.request("GET", "/healthz").status == 200
                assert server.request("GET", "/").status == 200
                assert server.request("POST", "/api/v1/estimates", estimate_request()).status == 200
                for plan in saved.values():
                    assert server.request("GET", f"{PLANS}/{plan}").status == 200

                ballast.unlink()
                answer = save(server, number)
                assert answer.status == 201, "space came back and the key was not used up"
                saved[number] = answer.json()["id"]
                assert server.request("GET", "/readyz").status == 200
                # Room for the next round.
                for old in list(saved)[:-3]:
                    deleted.append(old)
                    gone = server.request(
                        "DELETE", f"{PLANS}/{saved.pop(old)}", headers={"If-Match": "*"}
                    )
                    assert gone.status == 204
            # A key outlives its plan, so that a late repeat makes no second one.
            assert problems_of(url) == [str((f"plan-{old}",)) for old in sorted(deleted)]
            assert {plan["id"] for plan in server.request("GET", PLANS).json()["items"]} == set(
                saved.values()
            )
    figure(
        f"{rounds} x ENOSPC: {refused} writes refused with 503 problem+json, reads and estimates "
        "go on, the same request succeeds once there is space; no restart"
    )
