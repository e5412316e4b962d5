"""`/api/v1/accuracy`: the measured runs beside the engine, ours and anybody's."""

from __future__ import annotations

import math
from statistics import mean
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.catalog.measured import capped_runs, measured_runs
from app.schemas.examples import MEASURED_RUNS
from tests.factories import Json, merged

ADDRESS = "/api/v1/accuracy"
RUN: Json = MEASURED_RUNS["one_run"]["value"]["runs"][0]


@pytest.fixture
def accuracy(client: TestClient) -> Json:
    response = client.get(ADDRESS)
    assert response.status_code == 200
    return dict(response.json())


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, float) else []


def test_every_measured_run_is_listed_with_what_was_measured(accuracy: Json) -> None:
    for line, run in zip(measured_runs(), accuracy["runs"], strict=True):
        measured = line.measured
        assert run["id"] == line.id
        assert run["peak"]["measured_bytes"] == measured.steady_peak_allocated
        assert run["peak"]["measured_highest_bytes"] == measured.peak_allocated
        assert run["reserved"]["measured_bytes"] == measured.peak_reserved
        phases = {p["phase"]: p["measured_bytes"] for p in run["phases"]}
        assert phases["setup"] == measured.after_setup
        assert phases["forward"] == measured.phase_forward
        assert phases["step"] == (measured.phase_step or None)
        assert run["versions"] == line.versions


def test_what_is_predicted_is_what_an_estimate_of_the_same_request_answers(
    client: TestClient, accuracy: Json
) -> None:
    by_id = {run["id"]: run for run in accuracy["runs"]}
    for line in list(measured_runs())[::20]:
        (estimate,) = client.post("/api/v1/estimates", json=line.request).json()["estimates"]
        run = by_id[line.id]
        assert run["peak"]["predicted_bytes"] == estimate["peak"]["allocated_bytes"]
        assert run["peak"]["low_bytes"] == estimate["peak"]["low_bytes"]
        assert run["peak"]["high_bytes"] == estimate["peak"]["high_bytes"]
        assert run["peak"]["phase"] == estimate["peak"]["phase"]
        assert {p["phase"]: p["predicted_bytes"] for p in run["phases"]} == estimate["phases"]
        assert run["reserved"]["predicted_bytes"] == estimate["reserved_bytes"]


def test_sums_are_those_of_the_runs(accuracy: Json) -> None:
    errors = {run["id"]: run["peak"]["error"] for run in accuracy["runs"]}
    overall = accuracy["overall"]
    assert overall["runs"] == len(errors)
    assert overall["mean_abs_error"] == pytest.approx(mean(map(abs, errors.values())), abs=1e-6)
    assert abs(overall["worst_error"]) == max(map(abs, errors.values()))
    assert errors[overall["worst_run"]] == overall["worst_error"]
    assert overall["within_band"] == sum(run["peak"]["within_band"] for run in accuracy["runs"])
    for groups in ("by_strategy", "by_method", "by_family", "by_campaign"):
        assert sum(group["runs"] for group in accuracy[groups]) == len(errors)
    assert [p["key"] for p in accuracy["by_phase"]] == [
        "setup", "forward", "backward", "step", "resident",
    ]  # fmt: skip
    assert all(math.isfinite(number) for number in numbers(accuracy))


def test_a_run_lies_in_the_band_from_its_steady_to_its_highest_peak(accuracy: Json) -> None:
    found = set()
    for peak in (run["peak"] for run in accuracy["runs"]):
        inside = peak["low_bytes"] <= peak["measured_bytes"]
        inside = inside and peak["measured_highest_bytes"] <= peak["high_bytes"]
        assert peak["within_band"] == inside
        found.add(inside)
    assert found == {True, False}, "no run tells the two apart"


def test_capped_runs_tell_how_verdicts_did(accuracy: Json) -> None:
    assert accuracy["capped"]["runs"] == len(list(capped_runs()))
    assert accuracy["capped"]["false_fits"] == 0
    assert accuracy["capped"]["refusals"] <= 2


@pytest.mark.parametrize(
    "wanted",
    [
        {"strategy": "zero3", "method": "full", "campaign": "2026-10"},
        {"strategy": "zero3", "trainer": "hf_trainer"},
        {"strategy": "zero3", "trainer": "pytorch"},
    ],
)
def test_filters_take_runs_and_their_sums(
    client: TestClient, accuracy: Json, wanted: dict[str, str]
) -> None:
    answer = client.get(ADDRESS, params=wanted).json()
    expected = [run for run in accuracy["runs"] if wanted.items() <= run.items()]
    assert answer["runs"] == expected
    assert answer["overall"]["runs"] == len(expected) > 0
    assert [group["key"] for group in answer["by_strategy"]] == ["zero3"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("strategy=zero9", "/query/strategy"),
        ("family=llama&strategy=zero3&method=qlora", "/query/strategy"),
        ("page=2", "/query/page"),
    ],
)
def test_a_filter_that_finds_nothing_says_what_there_is(
    client: TestClient, query: str, pointer: str
) -> None:
    response = client.get(f"{ADDRESS}?{query}")
    assert response.status_code == 422
    assert pointer in [error["pointer"] for error in response.json()["errors"]]


def test_one_run_shows_the_allocations_at_its_predicted_peak(
    client: TestClient, accuracy: Json
) -> None:
    listed = accuracy["runs"][0]
    detail = client.get(f"{ADDRESS}/runs/{listed['id']}").json()
    assert detail["run"] == listed
    assert sum(c["bytes"] for c in detail["components"]) == listed["peak"]["predicted_bytes"]
    assert client.post("/api/v1/estimates", json=detail["request"]).status_code == 200
    assert client.get(f"{ADDRESS}/runs/nothing").status_code == 404


def test_the_runs_of_a_user_are_compared_as_ours_are(client: TestClient, accuracy: Json) -> None:
    answer = client.post(f"{ADDRESS}/comparisons", json={"runs": [RUN]}).json()
    (run,) = answer["runs"]
    (ours,) = (r for r in accuracy["runs"] if r["id"] == "s-fsdp1-1b")
    assert {**run, "id": ours["id"], "campaign": ours["campaign"]} == ours
    assert answer["overall"]["worst_run"] == "ours-1b-fsdp1"


def test_a_run_that_tells_little_is_compared_in_what_it_tells(client: TestClient) -> None:
    nothing = {"phase_step": None, "peak_reserved": 0, "phase_forward": 0}
    run = merged(RUN, {"measured": nothing})
    answer = client.post(f"{ADDRESS}/comparisons", json={"runs": [run]}).json()
    assert answer["reserved"] is None
    assert [group["key"] for group in answer["by_phase"]] == ["setup", "backward", "resident"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"runs": []}, "/runs"),
        ({}, "/runs"),
        ({"runs": [RUN, {"id": "x"}]}, "/runs/1/campaign"),
        (
            {"runs": [merged(RUN, {"request": {"strategies": ["zero9"]}})]},
            "/runs/0/request/strategies/0",
        ),
        (
            {"runs": [merged(RUN, {"measured": {"after_setup": -1}})]},
            "/runs/0/measured/after_setup",
        ),
    ],
)
def test_a_bad_run_is_named(client: TestClient, body: Json, pointer: str) -> None:
    response = client.post(f"{ADDRESS}/comparisons", json=body)
    assert response.status_code == 422
    assert pointer in [error["pointer"] for error in response.json()["errors"]]
