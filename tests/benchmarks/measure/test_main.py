"""`python -m benchmarks.measure`: what it says before anything runs on a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.measure import __main__ as program
from tests.benchmarks.measure.examples import GPU, case_line


def said(
    cases: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """The exit status and the complaints about a file of cases."""
    path = tmp_path / "cases.jsonl"
    path.write_text(cases, encoding="utf-8")
    out = tmp_path / "results.jsonl"
    arguments = ["measure", "--cases", str(path), "--out", str(out), "--gpu", GPU]
    monkeypatch.setattr("sys.argv", arguments)
    status = program.main()
    assert not out.exists()
    return status, capsys.readouterr().err


def test_every_bad_case_is_refused_before_the_first_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = "\n".join(
        [case_line(id="good"), case_line(id="bad", request={"strategies": ["zero9"]})]
    )
    status, complaint = said(cases, tmp_path, monkeypatch, capsys)
    assert status == 2
    assert complaint.startswith("/bad/request/strategies/0: There is no strategy 'zero9'.")


def test_a_bad_line_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, complaint = said(case_line() + "\n[]", tmp_path, monkeypatch, capsys)
    assert (status, complaint) == (2, "/lines/2: Use an object.\n")


def test_without_the_drivers_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> tuple[str, int]:
        raise ModuleNotFoundError("No module named 'pynvml'", name="pynvml")

    monkeypatch.setattr(program, "present_gpu", missing)
    monkeypatch.setattr("sys.argv", ["measure", "--case", case_line()])
    assert program.main() == 2
    assert "pynvml is missing: pip install --group measure" in capsys.readouterr().err
