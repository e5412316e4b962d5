"""The product as `make run` starts it, on a loopback port, to be stopped and killed by tests."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these settings and no others of the product."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SHARDPLAN_")}
    return kept | dict(settings)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A process of the product. Used as a context it is running inside and gone afterwards."""

    def __init__(self, database_url: str, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self._log = folder / f"server-{self.port}.log"
        self._settings = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "SHARDPLAN_DATABASE_URL": database_url,
            "PYTHONFAULTHANDLER": "1",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self, *, patience_s: float = 60) -> float:
        """Starts the process; returns the seconds until it said that it is ready."""
        begun = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.main"],
                cwd=ROOT,
                env=environment(self._settings),
                stdout=log,
                stderr=log,
            )
        while time.monotonic() < begun + patience_s:
            assert self._process.poll() is None, f"the server ended:\n{self.log()}"
            try:
                if self.request("GET", "/readyz", timeout_s=5).status == 200:
                    return time.monotonic() - begun
            except OSError:
                pass
            time.sleep(0.01)
        self._process.send_signal(signal.SIGABRT)  # its threads' tracebacks go to the log
        self._process.wait(30)
        raise AssertionError(f"the server did not get ready:\n{self.log()[-8_000:]}")

    def kill(self) -> None:
        """`kill -9`: nothing is told, nothing is finished."""
        self.process.kill()
        self.process.wait(30)

    def terminate(self) -> None:
        """Asks the process to end, and does not wait for it."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float = 60) -> int:
        """The exit status, once it has ended."""
        return self.process.wait(timeout_s)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def resident_bytes(self, field: str = "VmRSS") -> int:
        """Resident memory now, or with `VmHWM` the most there ever was."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields[field].removesuffix("kB")) * 1_024

    def connection(self, timeout_s: float = 60) -> http.client.HTTPConnection:
        """A connection of its own, which stays open from request to request."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)

    def request(
        self,
        method: str,
        path: str,
        document: object = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 60,
    ) -> Answer:
        """One request over a new connection. An OSError or HTTPException means no answer."""
        connection = self.connection(timeout_s)
        try:
            return send(connection, method, path, document, headers)
        finally:
            connection.close()


def send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    document: object = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request over an open connection."""
    sent = dict(headers or {})
    body = None
    if document is not None:
        body = json.dumps(document).encode()
        sent["Content-Type"] = "application/json"
    connection.request(method, path, body, sent)
    response = connection.getresponse()
    read = response.read()
    received = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, received, read)
