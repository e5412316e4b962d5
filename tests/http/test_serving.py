from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.http.serving import MAX_HEAD_BYTES
from tests.soak.server import Server

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("serving")
    with Server(f"sqlite:///{folder}/shardplan.db", folder) as server:
        yield server


def raw(server: Server, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """The whole answer to bytes that need not be HTTP."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return int(status.split()[1]), headers, body


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"INVENTED /api/v1/plans HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 501),
        (b"hello\r\n\r\n", 501),
        (b"GET /healthz HTTP/9.9\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n", 400),
        (b"POST /api/v1/plans HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        # What two parsers could cut at different places: the way to smuggle a request.
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: 0x3\r\n\r\nabc", 400),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\nb: c\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_what_no_route_can_see_is_answered_as_a_problem(
    server: Server, request_bytes: bytes, status: int
) -> None:
    answered, headers, body = raw(server, request_bytes)

    assert answered == status
    assert headers["content-type"] == PROBLEM
    assert headers["x-content-type-options"] == "nosniff"
    assert json.loads(body)["status"] == status
    assert len(body) == int(headers["content-length"])


def test_nothing_is_switched_to_a_web_socket(server: Server) -> None:
    upgrade = (
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: upgrade, close\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
    )

    assert raw(server, upgrade)[0] == 200


def test_a_head_without_end_is_cut_off(server: Server) -> None:
    endless = b"X-Filler: " + b"x" * MAX_HEAD_BYTES

    status, headers, body = raw(server, b"GET /healthz HTTP/1.1\r\n", endless)

    assert status == 431
    assert headers["content-type"] == PROBLEM
    assert json.loads(body)["title"] == "Request Header Fields Too Large"


def test_a_large_body_after_a_small_head_is_not_mistaken_for_a_head(server: Server) -> None:
    answer = server.request("POST", "/api/v1/estimates", {"name": "x" * (2 * MAX_HEAD_BYTES)})

    assert answer.status == 422


def test_readiness_turns_before_the_process_ends_with_status_0(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shardplan.db"
    with Server(url, tmp_path, SHARDPLAN_SHUTDOWN_GRACE_SECONDS="1") as server:
        open_connection = server.connection()
        open_connection.request("GET", "/healthz")
        open_connection.getresponse().read()

        server.terminate()
        time.sleep(0.2)
        readiness = server.request("GET", "/readyz")
        open_connection.request("GET", "/healthz")
        late = open_connection.getresponse()

        assert readiness.status == 503
        assert readiness.json()["detail"] == "This process is about to end. Ask another one."
        assert (late.status, late.headers["connection"]) == (200, "close")
        assert server.wait() == 0
    assert "Traceback" not in server.log()
