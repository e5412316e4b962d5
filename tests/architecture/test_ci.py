"""Where a full environment is promised, nothing is skipped silently."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT

SKIPPING = """
import pytest

def test_that_needs_a_browser():
    pytest.skip("no browser here")

@pytest.mark.xfail(strict=True)
def test_that_is_known_to_fail():
    assert False
"""


def run_pytest_on(file: Path, require_all: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            *["-m", "pytest", "-c", "pyproject.toml", "-p", "conftest", "-p", "no:cacheprovider"],
            file,
        ],
        cwd=ROOT,
        env=os.environ | {"SHARDPLAN_TEST_REQUIRE_ALL": require_all},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("require_all", "code", "closing"),
    [("0", 0, "1 skipped, 1 xfailed"), ("1", 1, "1 failed, 1 xfailed")],
)
def test_a_skip_is_a_failure_exactly_where_everything_is_required(
    tmp_path: Path, require_all: str, code: int, closing: str
) -> None:
    file = tmp_path / "test_skipping.py"
    file.write_text(SKIPPING)

    result = run_pytest_on(file, require_all)

    assert result.returncode == code, result.stdout + result.stderr
    assert closing in result.stdout
    assert "no browser here" in result.stdout


def test_ci_requires_everything_and_runs_what_a_developer_runs() -> None:
    script = ROOT / ".ci" / "run"
    lines = script.read_text().splitlines()

    assert os.access(script, os.X_OK)
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert any(line.startswith("export SHARDPLAN_TEST_REQUIRE_ALL=1") for line in lines)
    assert [line for line in lines if line.startswith("make ")] == [
        "make assets",
        "make check",
        "make test",
        "make conformance SHORT=1",
    ]
