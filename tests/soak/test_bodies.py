"""Bodies that nobody should send: refused in bounded memory, and the server goes on."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.factories import estimate_request
from tests.soak.server import Server

MEGABYTE = 1_000_000
GROWTH_LIMIT = 50 * MEGABYTE
PATH = "/api/v1/estimates"
PLACES = [PATH, "/api/v1/plans", "/api/v1/hardware-profiles", "/api/v1/model-profiles"]


def post(server: Server, headers: list[str], body: Iterator[bytes], path: str = PATH) -> int:
    """The status of the answer to a body that is sent piece by piece until somebody hangs up."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Content-Type: application/json",
        *headers,
    ]
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        try:
            for piece in body:
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        while b"\r\n\r\n" not in answer:
            received = connection.recv(65_536)
            assert received, "no answer"
            answer += received
    head = answer.partition(b"\r\n\r\n")[0].decode().lower()
    assert "content-type: application/problem+json" in head
    return int(head.split()[1])


def pieces(total: int) -> Iterator[bytes]:
    for _ in range(total // 65_536 + 1):
        yield b" " * 65_536


def chunked(total: int) -> Iterator[bytes]:
    for piece in pieces(total):
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def deep(levels: int, opening: bytes, closing: bytes) -> bytes:
    return opening * levels + b"1" + closing * levels


def with_value(text: str) -> bytes:
    body = json.dumps(estimate_request(training={"sequence_length": "HERE"}))
    return body.replace('"HERE"', text).encode()


MALFORMED = {
    "depth of 10,000 lists": deep(10_000, b"[", b"]"),
    "depth of 10,000 objects": deep(10_000, b'{"a":', b"}"),
    "depth of 100,000 lists, never closed": b"[" * 100_000,
    "1e308": with_value("1e308"),
    "1e309": with_value("1e309"),
    "-1e308": with_value("-1e308"),
    "NaN": with_value("NaN"),
    "Infinity": with_value("Infinity"),
    "4,000 digits": with_value("9" * 4_000),
    "500,000 digits": with_value("9" * 500_000),
    "a string of a megabyte": with_value(json.dumps("x" * 900_000)),
    "100,000 keys": json.dumps({f"k{n}": n for n in range(80_000)}).encode(),
    "100,000 strategies": json.dumps({"strategies": ["zero3"] * 100_000}).encode(),
    "half a character": b'{"name": "\\ud800"}',
    "a byte that is no text": b'{"name": "\xff"}',
    "UTF-16": json.dumps(estimate_request()).encode("utf-16"),
    "half an object": b'{"model": {"id": ',
    "nothing": b"",
    "a number": b"1",
    "null": b"null",
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_body_is_refused(server: Server, what: str) -> None:
    body = MALFORMED[what]
    length = [f"Content-Length: {len(body)}"]

    found = {path: post(server, length, iter([body]), path) for path in PLACES}

    assert all(400 <= status < 500 for status in found.values()), found


def test_large_and_malformed_bodies_leave_memory_as_it_was(
    server: Server, size: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    hundred = 100 * MEGABYTE
    rounds = size(1, 20)
    for body in MALFORMED.values():  # caches fill once
        post(server, [f"Content-Length: {len(body)}"], iter([body]))
    before = server.resident_bytes()
    statuses = set()
    for _ in range(rounds):
        statuses |= {
            post(server, [f"Content-Length: {hundred}"], pieces(hundred)),
            post(server, ["Transfer-Encoding: chunked"], chunked(hundred)),
            *(
                post(server, [f"Content-Length: {len(body)}"], iter([body]), path)
                for body in MALFORMED.values()
                for path in PLACES
            ),
        }
    peak = server.resident_bytes("VmHWM")
    after = server.resident_bytes()

    assert statuses <= {400, 413, 422}
    assert 413 in statuses
    assert max(peak, after) - before < GROWTH_LIMIT
    assert server.request("GET", "/readyz").status == 200
    figure(
        f"{rounds} x (100 MB with its length, 100 MB chunked, {len(MALFORMED) * len(PLACES)} "
        f"malformed): {sorted(statuses)}; memory grew {(after - before) / MEGABYTE:.1f} MB, "
        f"at its peak {(peak - before) / MEGABYTE:.1f} MB"
    )
