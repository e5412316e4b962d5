"""`python -m app.accuracy`: the engine's error on a file of measured runs, on the terminal."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from app.accuracy import HEADS, main

OURS = (files("app.catalog") / "data" / "measured_runs.jsonl").read_text(encoding="utf-8")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.jsonl"
    path.write_text("".join(f"{line}\n" for line in OURS.splitlines()[:3]), encoding="utf-8")
    return path


def test_every_run_of_the_file_gets_a_line_with_what_is_predicted_and_measured(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(results)]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = json.loads(OURS.splitlines()[0])
    table = lines.index(next(line for line in lines if line.split() == list(HEADS)))
    row = lines[table + 1].split()
    assert row[:2] == [first["id"], first["request"]["strategies"][0]]
    measured = first["measured"]["steady_peak_allocated"] / 2**30
    assert float(row[3]) == pytest.approx(measured, abs=0.005)
    assert [line.split()[0] for line in lines[table + 1 : table + 4]] == [
        json.loads(line)["id"] for line in OURS.splitlines()[:3]
    ]


def test_the_document_is_up_to_date(tmp_path: Path) -> None:
    written = tmp_path / "accuracy.md"
    assert main(["--document", str(written)]) == 0
    kept = Path(__file__).parents[1] / "docs" / "accuracy.md"
    assert kept.read_text("utf-8") == written.read_text("utf-8"), "run `make accuracy`"


def test_the_sums_name_the_worst_run(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(results)]) == 0
    out = capsys.readouterr().out
    (peak,) = [line for line in out.splitlines() if line.startswith("Peak: ")]
    assert peak.startswith("Peak: 3 runs, mean ")
    ids = [json.loads(line)["id"] for line in OURS.splitlines()[:3]]
    assert any(f"({run})" in peak for run in ids)


def test_without_a_file_it_takes_the_measured_runs_of_the_product(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0
    assert f"Peak: {len(OURS.splitlines())} runs" in capsys.readouterr().out


def test_a_bad_line_is_named_by_its_number(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with results.open("a", encoding="utf-8") as sink:
        sink.write("{}x\n")
    assert main([str(results)]) == 2
    assert f"{results}:4: This line is not JSON" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_said_to_be_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\xff")
    for path in (tmp_path / "nothing", binary):
        assert main([str(path)]) == 2
        assert str(path) in capsys.readouterr().err
