"""The running product in headless Chromium: any console error, page error or CSP message fails."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from app.http.security_headers import CDN
from app.web.assets import LIBRARIES, VENDOR
from benchmarks.chromium import FLAGS

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 15_000
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

OpenPage = Callable[..., Page]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The product on a free port, with a database of its own; the address without a slash."""
    folder = tmp_path_factory.mktemp("server")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SHARDPLAN_")}
    port = free_port()
    settings = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "SHARDPLAN_DATABASE_URL": f"sqlite:///{folder}/shardplan.db",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.main"],
            cwd=ROOT,
            env=kept | settings,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/readyz", process)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended before it answered"
        try:
            with urlopen(address):
                return
        except URLError:
            time.sleep(0.1)
    raise AssertionError(f"{address} did not answer")


# Not for the session: while Playwright runs, no later test could start an event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    if not all((VENDOR / library.name).is_file() for library in LIBRARIES):
        pytest.skip("the browser libraries are not installed; run `make assets`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


def from_packages(route: Route) -> None:
    """The CDN's answer, from the packages that `make assets` installs."""
    for library in LIBRARIES:
        if route.request.url == library.url:
            file = VENDOR / library.name
            assert file.is_file(), f"{file.name} is not installed; run `make assets`"
            headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript"}
            route.fulfill(path=file, headers=headers)
            return
    raise AssertionError(f"{route.request.url} is not one of our libraries")


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about. A test that provokes one removes it."""
    return []


@pytest.fixture
def open_page(browser: Browser, server: str, complaints: list[str]) -> Iterator[OpenPage]:
    """Opens pages in a context of their own and checks at the end that nothing was amiss."""
    contexts: list[BrowserContext] = []

    def open_(
        path: str = "/",
        *,
        cdn: Callable[[Route], None] = from_packages,
        patience_ms: int = PATIENCE_MS,
        **options: object,
    ) -> Page:
        context = browser.new_context(base_url=server, **options)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(patience_ms)
        context.route(re.compile(re.escape(CDN)), cdn)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda message: (
                complaints.append(f"{page.url}: {message.text}")
                if message.type in ("error", "warning")
                else None
            ),
        )
        page.goto(path, wait_until="domcontentloaded")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def forgive(complaints: list[str]) -> Callable[[str], None]:
    """Takes complaints that a test provokes off the list; there must be at least one."""

    def forgive_(pattern: str) -> None:
        expected = [text for text in complaints if re.search(pattern, text)]
        assert expected, f"nothing like {pattern!r} in {complaints}"
        complaints[:] = [text for text in complaints if text not in expected]

    return forgive_
