"""The server: it says that it will go before it goes, and answers even what is hardly HTTP."""

from __future__ import annotations

import json
import signal
import socket
import sys
from collections.abc import Callable
from time import monotonic
from types import FrameType

import httptools
import uvicorn
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.http.problems import MEDIA_TYPE, TITLES
from app.http.security_headers import HEADERS

# Until answers that were begun must be done; what is still open then is cut off.
ANSWER_SECONDS = 25
MAX_HEAD_BYTES = 65_536


class Lifecycle:
    """Whether the process is about to end; shared by the server and the routes."""

    def __init__(self) -> None:
        self.draining = False


class DrainingMiddleware:
    """Asks clients to close their connections, answer by answer, once the end is near."""

    def __init__(self, app: ASGIApp, lifecycle: Lifecycle) -> None:
        self._app = app
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def closing_send(message: Message) -> None:
            if message["type"] == "http.response.start" and self._lifecycle.draining:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, receive, closing_send if scope["type"] == "http" else send)


class DrainingServer(uvicorn.Server):
    """On SIGTERM readiness turns to 503 at once, and new requests are answered for a while yet.

    After that time nothing new is accepted, what was begun is answered, and the process ends with
    status 0. SIGINT, from a keyboard, or a second signal skips the time.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        lifecycle: Lifecycle,
        grace_seconds: float,
        on_started: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._lifecycle = lifecycle
        self._grace_seconds = grace_seconds
        self._leave_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Binds and gets ready; only then begins what competes with it for the processor."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Takes a signal; called again, it is in more of a hurry."""
        if self._leave_at is not None and sig == signal.SIGINT and self.should_exit:
            self.force_exit = True
        hurried = sig == signal.SIGINT or self._leave_at is not None
        self._lifecycle.draining = True
        self._leave_at = monotonic() + (0 if hurried else self._grace_seconds)
        self.should_exit = self.should_exit or hurried

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop accepting, asked ten times a second."""
        if self._leave_at is not None and monotonic() >= self._leave_at:
            self.should_exit = True
        return await super().on_tick(counter)


class ProblemProtocol(HttpToolsProtocol):
    """Bounds the head of a request, and answers as problem+json what no route can see."""

    _head_bytes = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        """Takes what came over the wire."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431, f"Send a head of at most {MAX_HEAD_BYTES:,} bytes.")

    def on_message_begin(self) -> None:
        """A request starts."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A request's head is complete, and names one host (RFC 9112, 3.2)."""
        self._in_head = False
        self._head_bytes = 0
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts != (1 if self.parser.get_http_version() == "1.1" else min(hosts, 1)):
            raise ValueError("not one host")  # the parser makes a bad request of it
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answers what the parser refused, instead of the plain text that `msg` is."""
        if isinstance(sys.exception(), httptools.HttpParserInvalidMethodError):
            self._refuse(501, "There is no such method. Use GET, HEAD, POST, PUT or DELETE.")
        else:
            self._refuse(400, "This is not a request in HTTP/1.1.")

    def _refuse(self, status: int, detail: str) -> None:
        problem = {
            "type": "about:blank",
            "title": TITLES[status],
            "status": status,
            "detail": detail,
        }
        body = json.dumps(problem).encode()
        headers = {
            **HEADERS,
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Connection": "close",
        }
        lines = [STATUS_LINE[status]]
        for name, value in self.server_state.default_headers:
            lines += [name, b": ", value, b"\r\n"]
        lines += [f"{name}: {value}\r\n".encode("latin-1") for name, value in headers.items()]
        self.transport.write(b"".join([*lines, b"\r\n", body]))
        self.transport.close()


def serve(
    app: FastAPI,
    *,
    host: str,
    port: int,
    trusted_proxies: str,
    grace_seconds: float,
    on_started: Callable[[], None] = lambda: None,
) -> None:
    """Serves an application with a `lifecycle` in its state until a signal ends it.

    `on_started` is called once it listens.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=ProblemProtocol,
        ws="none",
        access_log=False,  # it would write the tokens of shared links; ours has templates
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies,
        log_config=None,  # one format for everything
        timeout_graceful_shutdown=ANSWER_SECONDS,
    )
    server = DrainingServer(config, app.state.lifecycle, grace_seconds, on_started)
    server.run()
    if not server.started:
        raise SystemExit(3)
