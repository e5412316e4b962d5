"""Files of measured runs from outside: what is read, and what is said about bad lines."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from app.catalog.measured import measured_runs
from app.domain.errors import InvalidInput
from app.services import json_lines, measurements
from app.services.evidence import compare
from app.services.measurements import compare_given, runs_of_documents, runs_of_lines
from app.services.resolving import Resolver
from tests.factories import Json, merged

OURS = (files("app.catalog") / "data" / "measured_runs.jsonl").read_text(encoding="utf-8")
RUN: dict[str, Any] = json.loads(OURS.partition("\n")[0])


def line(**changes: Any) -> str:
    return json.dumps(merged(RUN, changes))


def errors_of(text: str) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        runs_of_lines(text)
    return {error.pointer: error.detail for error in caught.value.errors}


def test_our_own_measured_runs_are_such_a_file() -> None:
    given = runs_of_lines(OURS)
    assert [g.run for g in given] == list(measured_runs())
    assert given[6].pointer == "/lines/7"


def test_blank_lines_windows_line_ends_and_a_byte_order_mark_do_no_harm() -> None:
    (first, second) = runs_of_lines(f"\ufeff{line(id='a')}\r\n\r\n  \n{line(id='b')}\r\n")
    assert (first.run.id, first.pointer) == ("a", "/lines/1")
    assert (second.run.id, second.pointer) == ("b", "/lines/4")


def test_a_line_separator_inside_a_text_does_not_end_the_line() -> None:
    text = json.dumps(merged(RUN, {"id": "a\u2028b"}), ensure_ascii=False)
    assert runs_of_lines(text)[0].run.id == "a\u2028b"


def test_every_bad_line_is_named_with_what_is_wrong() -> None:
    text = "\n".join(
        [
            line(),
            "{'id': 1}",
            line(measured={"peak_allocated": -5}),
            line(measured={"step_seconds": "fast"}, peak=3),
            '{"id": NaN}',
        ]
    )
    assert errors_of(text) == {
        "/lines/2": "This line is not JSON: Expecting property name enclosed in double quotes"
        " at line 1, column 2.",
        "/lines/3/measured/peak_allocated": "Use a number that is at least 1.",
        "/lines/4/measured/step_seconds": "Use a number.",
        "/lines/4/peak": "There is no field 'peak': use base_model, campaign, gpus, id, measured,"
        " request, trainer, versions.",
        "/lines/5/id": "Use a finite number.",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"trainer": "hf_trainer"},
        {"trainer": None, "request": {"options": {"trainer": "hf_trainer"}}},
        {"trainer": "hf_trainer", "request": {"options": {"trainer": "hf_trainer"}}},
    ],
)
def test_a_trainer_that_is_named_in_one_place_holds_in_both(changes: Json) -> None:
    document = merged(RUN, changes)
    if document["trainer"] is None:
        del document["trainer"]
    run = runs_of_lines(json.dumps(document))[0].run
    assert run.trainer == "hf_trainer"
    assert run.request["options"]["trainer"] == "hf_trainer"


def test_a_run_by_another_trainer_than_its_request_asks_for_is_refused() -> None:
    text = line(trainer="pytorch", request={"options": {"trainer": "hf_trainer"}})
    (detail,) = errors_of(text).values()
    assert "trainer is pytorch" in detail


def test_a_line_that_is_no_object_is_refused() -> None:
    assert errors_of("7") == {"/lines/1": "Use an object."}


def test_of_very_many_bad_fields_the_first_are_named() -> None:
    assert len(errors_of("{\n" * 300)) == json_lines.MAX_ERRORS


def test_a_file_without_runs_is_refused() -> None:
    assert errors_of("\n \n") == {"": "Give at least one measured run."}


def test_size_and_number_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert errors_of("{}\n" * (measurements.MAX_RUNS + 1)) == {
        "": "Give at most 500 runs at a time."
    }
    monkeypatch.setattr(json_lines, "MAX_CHARACTERS", 100)
    assert errors_of(line()) == {
        "": "Give at most 100 characters at a time: split the file.",
    }


def test_documents_that_were_read_already_have_pointers_of_their_own() -> None:
    (given,) = runs_of_documents([RUN])
    assert given.pointer == "/runs/0"
    with pytest.raises(InvalidInput, match="/body/1/measured: Add this field"):
        runs_of_documents([RUN, {k: v for k, v in RUN.items() if k != "measured"}], "/body")


def test_given_runs_compare_as_ours_do(resolver: Resolver) -> None:
    (given,) = compare_given(runs_of_lines(line()), resolver)
    (ours,) = compare([next(iter(measured_runs()))], resolver)
    assert (given.run_id, given.strategy, given.measured) == (
        ours.run_id,
        ours.strategy,
        ours.measured,
    )
    assert given.error == ours.error


@pytest.mark.parametrize(
    ("request_changes", "pointer", "detail"),
    [
        ({"model": {"id": "nobody/knows"}}, "/model/id", "no model"),
        ({"training": {"optimizer": "best"}}, "/training/optimizer", "Use 'adamw'"),
        ({"strategies": ["zero2", "zero3"]}, "/strategies", "the one strategy that was run"),
        ({"strategies": ["zero9"]}, "/strategies/0", "no strategy 'zero9'"),
        ({"strategies": ["fsdp2_hybrid"]}, "/strategies/0", "Needs 2 or more nodes"),
    ],
)
def test_a_request_without_an_answer_is_pointed_at(
    request_changes: dict[str, Any], pointer: str, detail: str, resolver: Resolver
) -> None:
    given = runs_of_lines(f"\n{line(request=request_changes)}")
    with pytest.raises(InvalidInput) as caught:
        compare_given(given, resolver)
    (error,) = caught.value.errors
    assert error.pointer == f"/lines/2/request{pointer}"
    assert detail in error.detail
