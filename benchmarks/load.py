"""A bounded load over loopback: keep-alive connections on bare streams keep the client cheap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from benchmarks.statistics import Times

CONNECTIONS = 16


@dataclass(frozen=True)
class Load:
    """What a run of requests gave: its times, how many a second, and the mean answer's size."""

    times: Times
    per_second: float
    answer_bytes: int

    def __str__(self) -> str:
        return f"{self.times}   {self.per_second:7.0f}/s"


def get(path: str, port: int) -> bytes:
    """A GET request as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


def post_json(path: str, port: int, body: bytes) -> bytes:
    """A POST request with a JSON body as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run(port: int, requests: Sequence[bytes], connections: int = CONNECTIONS) -> Load:
    """Send every request once over `connections` connections, each waiting for its answer."""
    return asyncio.run(_run(port, iter(requests), connections))


async def _run(port: int, requests: Iterator[bytes], connections: int) -> Load:
    seconds: list[float] = []
    sizes: list[int] = []
    start = perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_connection(port, requests, seconds, sizes))
    elapsed = perf_counter() - start
    return Load(Times.of(seconds), len(seconds) / elapsed, sum(sizes) // len(sizes))


async def _connection(
    port: int, requests: Iterator[bytes], seconds: list[float], sizes: list[int]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    try:
        for request in requests:
            start = perf_counter()
            writer.write(request)
            status, body = await _answer(reader)
            seconds.append(perf_counter() - start)
            sizes.append(len(body))
            if status != b"200":
                raise RuntimeError(f"answered {status.decode()}: {body[:500]!r}")
    finally:
        writer.close()
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = head.split(b" ", 2)[1]
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return status, await reader.readexactly(int(value))
    raise RuntimeError(f"an answer without a length: {head!r}")
