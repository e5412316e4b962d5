"""One job asked of the page, the API, the files, a saved plan and its link: one set of numbers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.catalog import load_catalog
from app.domain.optimizers import OPTIMIZERS
from app.domain.training import Method, PrecisionId
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Preferences
from app.web import forms
from app.web.numbers import gib, signed_gib

pytestmark = pytest.mark.slow

CATALOG = load_catalog()
ROW = re.compile(
    r'<li class="row(?: selected)?">.*?id="strategy-(\w+)".*?class="row-total">(.*?)<', re.DOTALL
)
PHASES = re.compile(r'<tr(?: class="selected")?>\s*<th scope="row">(.*?)</tr>', re.DOTALL)
HEADROOM = re.compile(r'class="num headroom [^"]*">(.*?)</td>')

Json = dict[str, Any]

trainings = st.fixed_dictionaries(
    {
        "method": st.sampled_from(get_args(Method)),
        "precision": st.sampled_from(get_args(PrecisionId)),
        "optimizer": st.sampled_from(tuple(OPTIMIZERS)),
        "sequence_length": st.integers(1, 16_384),
        "micro_batch_size": st.integers(1, 64),
        "activation_checkpointing": st.booleans(),
        "fused_loss": st.booleans(),
    }
)
hardware = st.fixed_dictionaries(
    {
        "gpu": st.sampled_from(tuple(CATALOG.gpus)),
        "gpus_per_node": st.integers(1, 8),
        "nodes": st.integers(1, 8),
        "host_memory_gib": st.integers(64, 4096),
    }
)
jobs = st.fixed_dictionaries(
    {
        "model": st.sampled_from(tuple(CATALOG.models)).map(lambda name: {"id": name}),
        "hardware": hardware,
        "training": trainings,
    }
)


def rows_of(page: str) -> dict[str, str]:
    """The text of the total beside each bar, by strategy."""
    return dict(ROW.findall(page))


def shown(estimate: Json) -> str:
    return f"{gib(estimate['peak']['allocated_bytes'])} GiB" if estimate["peak"] else ""


def table_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def check_table(content: bytes, estimates: list[Json]) -> None:
    """A CSV file has the API's integers, all of them."""
    table = table_of(content)
    assert [row["strategy"] for row in table] == [e["strategy"] for e in estimates]
    for row, estimate in zip(table, estimates, strict=True):
        assert row["verdict"] == estimate["verdict"]
        peak = estimate["peak"] or {}
        expected: Json = {
            "peak_phase": peak.get("phase"),
            "peak_allocated_bytes": peak.get("allocated_bytes"),
            "peak_low_bytes": peak.get("low_bytes"),
            "peak_high_bytes": peak.get("high_bytes"),
            "reserved_bytes": estimate["reserved_bytes"],
            "device_used_bytes": estimate["device_used_bytes"],
            "headroom_bytes": estimate["headroom_bytes"],
            "needed_host_bytes": estimate["host_bytes"],
            "max_micro_batch_size": estimate["max_micro_batch_size"],
        }
        for phase, size in (estimate["phases"] or {}).items():
            expected[f"phase_{phase}_bytes"] = size
        for name, value in expected.items():
            assert row[name].removeprefix("'") == ("" if value is None else str(value)), name


def check_page(page: str, estimates: list[Json]) -> None:
    """Beside each bar stands the API's peak, in the table of phases its headroom."""
    totals = {e["strategy"]: e for e in estimates}
    rows = rows_of(page)
    if not rows:
        assert "data-figure" not in page
        assert not any(e["peak"] for e in estimates if not e["strategy"].startswith("fsdp1"))
        return
    assert {s: shown(totals[s]) for s in rows} == rows
    numbers = [HEADROOM.findall(row) for row in PHASES.findall(page) if "headroom" in row]
    told = [e["headroom_bytes"] for e in estimates if e["strategy"] in rows]
    assert len(numbers) == len(told)
    for (text,), headroom in zip(numbers, told, strict=True):
        if headroom is not None:
            assert text.strip() == signed_gib(headroom)


def test_page_api_files_plan_and_link_tell_the_same(
    client: TestClient, size: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    asked = 0

    @settings(
        max_examples=size(15, 1_000),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(jobs)
    def same(job: Json) -> None:
        nonlocal asked
        query = forms.query(EstimateRequest.model_validate(job), Preferences())
        answer = client.post("/api/v1/estimates", json=job)
        page = client.get(f"/?{query}")
        if answer.status_code == 422:
            assert page.status_code == 422
            return
        assert answer.status_code == page.status_code == 200
        asked += 1
        estimates: list[Json] = answer.json()["estimates"]
        check_page(page.text, estimates)
        check_table(client.get(f"/export.csv?{query}").content, estimates)
        document = client.get(f"/export.json?{query}").json()
        assert document["result"]["estimate"]["estimates"] == estimates

        plan = client.post("/api/v1/plans", json={"name": "Drawn", "request": job}).json()
        assert plan["result"]["estimate"]["estimates"] == estimates
        token = client.post(f"/api/v1/plans/{plan['id']}/shares", json={}).json()["token"]
        for place in (f"/plans/{plan['id']}", f"/s/{token}"):
            check_page(client.get(place).text, estimates)
            check_table(client.get(f"{place}/export.csv").content, estimates)
            kept = client.get(f"{place}/export.json").json()
            assert kept["result"]["estimate"]["estimates"] == estimates

    same()
    assert asked
    figure(f"{asked} jobs, each on 3 pages, in 3 CSV and 3 JSON files, as estimate and as plan")
