"""Schemathesis against the running product, by its own OpenAPI document: all of its checks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.factories import new_hardware_profile, new_model_profile, new_plan
from tests.soak.server import ROOT, Server, environment

pytestmark = pytest.mark.slow

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
PROGRAM = Path(sys.executable).with_name("schemathesis")
ALL_PHASES = "examples,coverage,fuzzing,stateful"


def fuzz(server: Server, folder: Path, *options: str) -> str:
    """What Schemathesis says; after any failure or error its status is not 0."""
    assert server.request("GET", "/openapi.json").status == 200  # making it takes seconds, once
    command = [os.fspath(PROGRAM), "--config-file", os.fspath(CONFIGURATION), "run"]
    command += ["--no-color", "--checks", "all"]
    address = f"http://127.0.0.1:{server.port}/openapi.json"
    run = subprocess.run(
        [*command, *options, address],
        cwd=folder,
        env=environment({"PYTHONPATH": os.fspath(ROOT)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def number(pattern: str, report: str) -> int:
    (found,) = re.findall(pattern, report)
    return int(found)


def test_no_request_that_the_document_allows_or_forbids_breaks_a_promise(
    server: Server,
    tmp_path: Path,
    size: Callable[[int, int], int],
    figure: Callable[[str], None],
) -> None:
    server.request("POST", "/api/v1/hardware-profiles", new_hardware_profile())
    server.request("POST", "/api/v1/model-profiles", new_model_profile())
    plan = server.request("POST", "/api/v1/plans", new_plan()).json()["id"]
    assert server.request("POST", f"/api/v1/plans/{plan}/shares", {}).status == 201
    phases = ("fuzzing,stateful", ALL_PHASES)[size(0, 1)]

    report = fuzz(server, tmp_path, "--phases", phases, "--max-examples", str(size(2, 100)))

    cases = number(r"(\d+) generated", report)
    operations = number(r"Selected: (\d+)/", report)
    assert number(r"Tested: (\d+)", report) == operations
    assert cases >= size(50, 500)
    assert "Traceback" not in server.log()
    figure(f"{cases:,} requests to {operations} operations ({phases}), all checks: 0 failures")
