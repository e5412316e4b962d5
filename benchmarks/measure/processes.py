"""Many cases: each in a process of its own, as many at once as the GPU's memory allows."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from benchmarks.measure.cases import Case

RESULT = "RESULT "
OUT_OF_MEMORY = "OutOfMemoryError"
_POLL_SECONDS = 0.1
_TAIL = 4_000


@dataclass(frozen=True)
class Limits:
    """How much runs at once, and how long one case may take."""

    gpu_gib: float = 70
    processes: int = 6
    seconds: float = 300


@dataclass(frozen=True)
class Outcome:
    """What became of a case: a line of results, or why there is none."""

    case: Case
    line: str | None
    failure: str | None


@dataclass
class _Running:
    case: Case
    process: subprocess.Popen[str]
    output: IO[str]
    deadline: float
    late: bool = False


Start = Callable[[Case, IO[str]], "subprocess.Popen[str]"]


def start_process(case: Case, output: IO[str], gpu: str) -> subprocess.Popen[str]:
    """This program again, for one case; both its streams go to `output`."""
    command = [sys.executable, "-m", "benchmarks.measure", "--gpu", gpu]
    return subprocess.Popen(
        [*command, "--case", case.model_dump_json()],
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outcomes(cases: Sequence[Case], limits: Limits, start: Start) -> Iterator[Outcome]:
    """Run the cases, each as soon as there is memory for it, and yield them as they finish.

    A case that asks for more than the whole budget runs alone.
    """
    waiting = list(cases)
    running: list[_Running] = []
    while waiting or running:
        while (case := _next(waiting, running, limits)) is not None:
            waiting.remove(case)
            output = tempfile.TemporaryFile("w+")  # noqa: SIM115
            running.append(
                _Running(case, start(case, output), output, time.monotonic() + limits.seconds)
            )
        for one in list(running):
            if one.process.poll() is None and time.monotonic() > one.deadline:
                one.late = True
                one.process.kill()
                one.process.wait()
            if one.process.poll() is not None:
                running.remove(one)
                yield _outcome(one)
        time.sleep(_POLL_SECONDS)


def _next(waiting: Sequence[Case], running: Sequence[_Running], limits: Limits) -> Case | None:
    """The first waiting case that the others leave memory for."""
    if len(running) >= limits.processes:
        return None
    left = limits.gpu_gib - sum(one.case.gpu_gib for one in running)
    return next((case for case in waiting if case.gpu_gib <= left or not running), None)


def _outcome(one: _Running) -> Outcome:
    one.output.seek(0)
    text = one.output.read()
    one.output.close()
    lines = [line for line in text.splitlines() if line.startswith(RESULT)]
    if lines:
        return Outcome(one.case, lines[-1].removeprefix(RESULT), None)
    if one.late:
        return Outcome(one.case, None, "took too long")
    if OUT_OF_MEMORY in text:
        return Outcome(one.case, None, "ran out of GPU memory")
    return Outcome(one.case, None, text[-_TAIL:].strip() or "ended without a word")
