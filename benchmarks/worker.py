"""One worker of the product as `make run` starts it, on a free loopback port, with its own data."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_LIMIT_S = 30


@dataclass(frozen=True)
class Worker:
    port: int
    pid: int

    def resident_bytes(self) -> int | None:
        """Resident memory now, in bytes; None where the system does not tell (not Linux)."""
        status = Path(f"/proc/{self.pid}/status")
        if not status.exists():
            return None
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmRSS"].removesuffix("kB")) * 1_024


@contextmanager
def running_worker() -> Iterator[Worker]:
    """Start a worker, wait until it answers, and stop it at the end."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        environment = os.environ | {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "SHARDPLAN_DATABASE_URL": f"sqlite:///{folder}/bench.db",
        }
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "app.main"], env=environment, stdout=output, stderr=output
            )
        try:
            if not _answers(port, process):
                raise RuntimeError(f"the worker did not start:\n{log.read_text()}")
            yield Worker(port, process.pid)
        finally:
            process.terminate()
            process.wait(timeout=START_LIMIT_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    give_up = time.monotonic() + START_LIMIT_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False
