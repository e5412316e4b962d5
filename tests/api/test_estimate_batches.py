"""Batches: one line a job, a bad one alone, streamed and stopped with its reader."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import Message

from app.schemas.batches import MAX_JOBS
from app.services.planning import Planner
from tests.factories import estimate_request

PATH = "/api/v1/estimate-batches"


def lines_of(client: TestClient, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post(PATH, json=body)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_each_job_is_answered_by_a_line_with_the_numbers_of_the_estimate(
    client: TestClient,
) -> None:
    job = estimate_request()
    line, end = lines_of(client, {"jobs": [{**job, "name": "Quote"}]})
    (estimate,) = client.post("/api/v1/estimates", json=job).json()["estimates"]
    assert (line["row"], line["name"]) == (1, "Quote")
    summary = line["summary"]
    assert summary["peak_allocated_bytes"] == estimate["peak"]["allocated_bytes"]
    assert summary["headroom_bytes"] == estimate["headroom_bytes"]
    assert summary["verdict"] == estimate["verdict"]
    assert "result" not in line
    assert end["row"] == 0
    assert (end["counts"]["jobs"], end["counts"]["failed"]) == (1, 0)


def test_a_bad_job_is_a_line_of_its_own_and_not_the_end(client: TestClient) -> None:
    bad = estimate_request(hardware={"gpu": "no-such-gpu"})
    odd = {**estimate_request(), "surprise": 1}
    lines = lines_of(client, {"jobs": [bad, odd, estimate_request()]})
    assert [line["row"] for line in lines] == [1, 2, 3, 0]
    assert lines[0]["errors"][0]["pointer"] == "/hardware/gpu"
    assert lines[1]["errors"][0]["pointer"] == "/surprise"
    assert lines[2]["summary"]["verdict"] == "fits"
    assert lines[3]["counts"]["failed"] == 2


def test_full_detail_brings_the_whole_plan(client: TestClient) -> None:
    line, _ = lines_of(client, {"jobs": [estimate_request()], "detail": "full"})
    assert line["result"]["estimate"]["estimates"][0]["strategy"] == "zero3"


@pytest.mark.parametrize("jobs", [[], [{}] * (MAX_JOBS + 1), ["job"], None])
def test_a_batch_is_bounded(client: TestClient, jobs: Any) -> None:
    answer = client.post(PATH, json={"jobs": jobs})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/jobs")


def test_no_job_is_computed_for_a_reader_who_has_gone(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[int] = []
    plan = Planner.plan

    def counted(self: Planner, *job: Any) -> Any:
        planned.append(1)
        return plan(self, *job)

    monkeypatch.setattr(Planner, "plan", counted)
    body = json.dumps({"jobs": [estimate_request()] * 50}).encode()

    async def leave_after_the_first_line() -> None:
        gone = asyncio.Event()
        given = False

        async def receive() -> Message:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": body}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message.get("body"):
                gone.set()
                await asyncio.sleep(0.05)

        await app(
            {
                "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"},
                "http_version": "1.1", "method": "POST", "scheme": "http", "path": PATH,
                "raw_path": PATH.encode(), "query_string": b"", "root_path": "",
                "headers": [(b"content-type", b"application/json"), (b"host", b"127.0.0.1")],
                "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
            },
            receive,
            send,
        )  # fmt: skip

    asyncio.run(leave_after_the_first_line())
    assert 1 <= len(planned) < 10
