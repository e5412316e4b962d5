from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from app.http.body_limit import BodyLimitMiddleware
from app.main import create_app
from app.settings import Settings

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings.model_copy(update={"max_body_bytes": 2_000}))


def test_a_body_that_announces_too_much_is_refused_unread(client: TestClient) -> None:
    response = client.post("/api/v1/estimates", content=b"x" * 2_001, headers=JSON)

    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == "Send a body of at most 2,000 bytes."


def test_a_streamed_body_is_refused_at_the_byte_too_many(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(21):
            yield b" " * 100

    response = client.post("/api/v1/estimates", content=chunks(), headers=JSON)

    assert response.status_code == 413
    assert response.json()["title"] == "Content Too Large"


def test_a_body_of_exactly_the_limit_is_read(client: TestClient) -> None:
    response = client.post("/api/v1/estimates", content=b"{}".ljust(2_000), headers=JSON)

    assert response.status_code == 422


def test_an_endless_stream_is_not_read_to_its_end() -> None:
    read = 0

    async def endless() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    async def reads_all(_scope: Scope, receive: Receive, _send: Send) -> None:
        while (await receive())["more_body"]:
            pass

    async def send(_message: Message) -> None:
        raise AssertionError("nothing is answered here")

    app = BodyLimitMiddleware(reads_all, max_bytes=1_000)
    scope = {"type": "http", "headers": []}
    with pytest.raises(HTTPException) as error:
        asyncio.run(app(scope, endless, send))

    assert error.value.status_code == 413
    assert read == 11


def test_forms_of_pages_are_limited_too(client: TestClient) -> None:
    response = client.post("/plans", data={"name": "x" * 3_000})

    assert response.status_code == 413
    assert response.headers["content-type"].startswith("text/html")
