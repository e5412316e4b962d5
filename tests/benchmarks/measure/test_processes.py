"""Many cases on one GPU: how many at once, and what becomes of each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import IO

from benchmarks.measure.cases import Case
from benchmarks.measure.processes import Limits, Outcome, outcomes

DONE = "print('RESULT {}')"


def case(name: str, gib: float = 10) -> Case:
    return Case(id=name, request={}, gpu_gib=gib)


def ran(
    programs: Mapping[str, str], cases: list[Case], limits: Limits
) -> tuple[dict[str, Outcome], list[set[str]]]:
    """The outcome of each case, and which cases were alive whenever another one started."""
    alive: dict[str, subprocess.Popen[str]] = {}
    together: list[set[str]] = []

    def start(case: Case, output: IO[str]) -> subprocess.Popen[str]:
        together.append({case.id} | {name for name, p in alive.items() if p.poll() is None})
        process = subprocess.Popen(
            [sys.executable, "-c", programs[case.id]],
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        alive[case.id] = process
        return process

    found = {outcome.case.id: outcome for outcome in outcomes(cases, limits, start)}
    return found, together


def test_a_case_ends_with_its_last_result_or_with_why_there_is_none() -> None:
    programs = {
        "good": "print('noise'); print('RESULT {\"id\": 1}')",
        "full": "raise RuntimeError('torch.OutOfMemoryError: no')",
        "bad": "raise ValueError('the reason')",
        "late": "import time; time.sleep(60)",
    }
    found, _ = ran(programs, [case(name) for name in programs], Limits(seconds=2))
    assert found["good"] == Outcome(case("good"), '{"id": 1}', None)
    assert found["full"].failure == "ran out of GPU memory"
    assert "the reason" in (found["bad"].failure or "")
    assert found["late"].failure == "took too long"


def test_cases_run_together_only_where_the_memory_is_enough_for_all() -> None:
    slow = f"import time; time.sleep(0.5); {DONE}"
    programs = dict.fromkeys(("a", "b", "c", "huge"), slow)
    cases = [case("a", 6), case("b", 6), case("c", 4), case("huge", 99)]
    found, together = ran(programs, cases, Limits(gpu_gib=10))
    assert {name for name, outcome in found.items() if outcome.line} == set(programs)
    assert {"a", "c"} in together  # c overtakes b, which does not fit beside a
    assert not any({"a", "b"} <= names for names in together)
    assert {"huge"} in together  # more than the budget: alone


def test_no_more_processes_run_than_are_allowed() -> None:
    programs = dict.fromkeys("abc", f"import time; time.sleep(0.2); {DONE}")
    _, together = ran(programs, [case(name, 1) for name in "abc"], Limits(processes=1))
    assert all(len(names) == 1 for names in together)
