"""How long the soak tests are, and the figures that they print."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.soak.databases import another_url
from tests.soak.server import Server

HERE = Path(__file__).parent
LONG = os.environ.get("SHARDPLAN_TEST_SOAK") == "long"
FIGURE = "figure"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.soak)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the figures of all tests that told one."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if getattr(report, "when", "") == "call"
    ]
    for report in reports:
        for name, value in report.user_properties:
            if name == FIGURE:
                terminalreporter.write_line(f"{report.nodeid.partition('::')[2]}: {value}")


@pytest.fixture
def size() -> Callable[[int, int], int]:
    """Chooses between a short and a long form of a test."""

    def choose(short: int, long: int) -> int:
        return long if LONG else short

    return choose


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Keeps a sentence with figures for the summary."""
    return lambda text: record_property(FIGURE, text)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running product on SQLite, shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("soak")
    with Server(f"sqlite:///{folder}/shardplan.db", folder) as server:
        yield server


@pytest.fixture
def postgres_database(postgres_url: str, tmp_path: Path) -> str:
    """The URL of an empty database of PostgreSQL."""
    return another_url(postgres_url, tmp_path)
