"""The accuracy pages: every run, its prediction, and what a visitor's own runs show."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from urllib.parse import unquote

import plotly.graph_objects as go
import pytest
from starlette.testclient import TestClient

from app.catalog.measured import measured_runs
from app.schemas.accuracy import Accuracy
from app.schemas.examples import MEASURED_RUNS
from app.services.accuracy import AccuracyService
from app.web.accuracy_charts import GROUPS, STRIP_REACH, scatter_of, strips_of
from app.web.numbers import error, error_size, gib
from tests.factories import Json, merged

HTMX = {"HX-Request": "true", "HX-Target": "div#run-rows"}
IDS = [run.id for run in measured_runs()]
RUN: Json = MEASURED_RUNS["one_run"]["value"]["runs"][0]


@pytest.fixture
def whole(client: TestClient) -> Accuracy:
    service: AccuracyService = client.app.state.services.accuracy  # type: ignore[attr-defined]
    return service.whole


def anchors(text: str) -> list[str]:
    return re.findall(r'<tr id="run-([^"]+)"', text)


def test_every_run_has_a_row_and_a_page_of_its_own(client: TestClient) -> None:
    listed = anchors(client.get("/accuracy").text)
    assert sorted(listed) == sorted(IDS)
    for run in IDS[::15]:
        page = client.get(f"/accuracy/runs/{run}")
        assert page.status_code == 200
        assert run in page.text
    assert client.get("/accuracy/runs/nothing").status_code == 404


def test_the_worst_runs_come_first_with_what_is_known_of_them(
    client: TestClient, whole: Accuracy
) -> None:
    text = html.unescape(client.get("/accuracy").text)
    ranked = [r.id for r in sorted(whole.runs, key=lambda run: -abs(run.peak.error))]
    assert anchors(text)[:10] == ranked[:10]
    worst = text[text.index('id="worst"') : text.index('id="phase-title"')]
    assert re.findall(r'href="/accuracy/runs/([^"]+)"', worst) == ranked[:6]
    for run in whole.runs:
        assert run.known_gap is None or run.known_gap in worst


def test_the_figures_are_those_of_the_engine(client: TestClient, whole: Accuracy) -> None:
    text = html.unescape(client.get("/accuracy").text)
    overall = whole.overall
    assert f"<dd>{error_size(overall.mean_abs_error)}</dd>" in text
    assert f"<dd>{overall.within_band} of {overall.runs}</dd>" in text
    assert f">{error(overall.worst_error)}</a>" in text
    assert f"<dd>{whole.capped.false_fits} of {whole.capped.runs}</dd>" in text
    for formula in whole.unproven:
        assert formula.name in text
    for respect in whole.not_measured:
        assert all(item in text for item in respect.missing)


def test_a_filter_takes_the_runs_it_names_with_and_without_htmx(
    client: TestClient, whole: Accuracy
) -> None:
    address = "/accuracy?strategy=zero3&method=lora"
    wanted = {r.id for r in whole.runs if (r.strategy, r.method) == ("zero3", "lora")}
    page, rows = client.get(address).text, client.get(address, headers=HTMX).text
    assert set(anchors(page)) == set(anchors(rows)) == wanted
    assert "<h1>" in page
    assert "<h1>" not in rows
    assert re.search(r'<option value="zero3" selected>', page)


def test_a_filter_that_finds_nothing_says_so(client: TestClient) -> None:
    page = client.get("/accuracy?strategy=zero_infinity")
    assert page.status_code == 200
    assert "No measured run is like that." in page.text
    assert anchors(page.text) == []


@pytest.mark.parametrize("column", ["measured", "model"])
def test_columns_sort_both_ways_and_say_which(client: TestClient, column: str) -> None:
    one = client.get(f"/accuracy?sort={column}", headers=HTMX).text
    other = client.get(f"/accuracy?sort=-{column}", headers=HTMX).text
    assert sorted(anchors(one)) == sorted(anchors(other))
    assert anchors(one) != anchors(other)
    directions = [re.findall(r'aria-sort="(\w+)"', text) for text in (one, other)]
    assert sorted(direction for (direction,) in directions) == ["ascending", "descending"]


def test_a_sort_that_does_not_exist_is_the_usual_one(client: TestClient) -> None:
    usual, odd = client.get("/accuracy", headers=HTMX), client.get("/accuracy?sort=x", headers=HTMX)
    assert anchors(odd.text) == anchors(usual.text)


def test_sorting_keeps_the_filter(client: TestClient) -> None:
    rows = client.get("/accuracy?strategy=ddp&sort=measured", headers=HTMX).text
    links = [html.unescape(link) for link in re.findall(r'href="(/accuracy\?[^"]+)"', rows)]
    assert links
    assert all("strategy=ddp" in link for link in links)


def test_a_run_shows_its_phases_its_arithmetic_and_its_request(
    client: TestClient, whole: Accuracy
) -> None:
    run = whole.runs[0]
    text = html.unescape(client.get(f"/accuracy/runs/{run.id}").text)
    for phase in run.phases:
        assert f">{gib(phase.predicted_bytes)}</td>" in text
    (line,) = (line for line in measured_runs() if line.id == run.id)
    (shown,) = re.findall(r'<pre class="code" tabindex="0">(.*?)</pre>', text, re.DOTALL)
    assert json.loads(shown) == line.request
    assert "What is alive at the predicted peak" in text
    (planner,) = re.findall(r'<a class="button" href="(/\?[^"]+)">Open in the planner', text)
    assert client.get(planner).status_code == 200


def test_the_runs_are_a_table_for_spreadsheets(client: TestClient, whole: Accuracy) -> None:
    answer = client.get("/accuracy/runs.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == IDS
    for row, run in zip(rows, whole.runs, strict=True):
        assert int(row["peak_predicted_bytes"]) == run.peak.predicted_bytes
        assert float(row["peak_error"]) == run.peak.error


def test_pasted_results_are_compared(client: TestClient) -> None:
    page = client.post("/accuracy/comparisons", data={"results": json.dumps(RUN)})
    assert page.status_code == 200
    assert "ours-1b-fsdp1" in page.text
    assert "1 of 1" in page.text


def test_a_results_file_is_compared(client: TestClient) -> None:
    lines = "\n".join(json.dumps(merged(RUN, {"id": name})) for name in ("one", "<b>two"))
    files = {"file": ("results.jsonl", lines.encode(), "application/jsonl")}
    page = client.post("/accuracy/comparisons", files=files)
    assert page.status_code == 200
    assert "&lt;b&gt;two" in page.text
    assert "<b>two" not in page.text


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ("", "Give at least one measured run."),
        ("not json", "Line 1: This line is not JSON"),
        (json.dumps(RUN) + '\n{"id": "x"}', "Line 2, campaign"),
    ],
)
def test_bad_results_are_told_by_line_and_kept(client: TestClient, results: str, told: str) -> None:
    page = client.post("/accuracy/comparisons", data={"results": results})
    text = html.unescape(page.text)
    assert page.status_code == 422
    assert told in text
    assert results in text


def test_a_file_that_is_no_text_is_refused(client: TestClient) -> None:
    page = client.post("/accuracy/comparisons", files={"file": ("a.jsonl", b"\xff\xfe\x00")})
    assert page.status_code == 422
    assert "The file is not text in UTF-8." in page.text


def test_an_estimate_links_to_the_runs_near_it(client: TestClient) -> None:
    text = html.unescape(client.get("/?model=meta-llama/Llama-3.1-8B&strategy=zero3").text)
    near = re.findall(r'href="/accuracy/runs/([^"]+)"', text)
    assert near
    assert set(near) <= set(IDS)
    (badge,) = re.findall(r'href="(/accuracy\?near=[^"#]+)#runs"', text)
    rows = client.get(unquote(badge), headers=HTMX).text
    assert set(anchors(rows)) == set(near)
    links = re.findall(r'href="(/accuracy\?[^"]+sort=[^"]+)"', rows)
    assert all(f"near={near[0]}" in unquote(link) for link in links)
    assert links


def test_an_estimate_unlike_every_run_says_so(client: TestClient) -> None:
    text = html.unescape(client.get("/?model=google/gemma-4-31B&strategy=zero3").text)
    assert "Extrapolated" in text
    assert "No measured run of the model family gemma4_text." in text


def test_plotly_accepts_every_key_of_the_scatter(whole: Accuracy) -> None:
    figure = scatter_of(whole.runs).figure
    built = go.Figure(data=figure["data"], layout=figure["layout"])
    assert [trace.name for trace in built.data] == [title for _, title, _ in GROUPS]
    assert sum(len(trace.x) for trace in built.data) == len(whole.runs)


def test_marks_lie_where_the_logarithms_of_the_peaks_do(whole: Accuracy) -> None:
    scatter = scatter_of(whole.runs)
    for mark, run in zip(scatter.marks, whole.runs, strict=True):
        above = 100 - mark.y > mark.x
        assert 0 < mark.x < 100
        assert 0 < mark.y < 100
        assert above == (run.peak.error > 0) or abs(run.peak.error) < 0.001


def test_a_strip_holds_its_runs_and_marks_what_lies_beyond_it(whole: Accuracy) -> None:
    errors = {run.id: run.peak.error * 100 for run in whole.runs}
    strips = strips_of(whole.runs, whole.by_strategy)
    assert sorted(mark.run_id for strip in strips for mark in strip.marks) == sorted(errors)
    for strip in strips:
        assert len(strip.marks) == strip.summary.runs
        for mark in strip.marks:
            assert mark.beyond == (abs(errors[mark.run_id]) > STRIP_REACH)
            assert (mark.x > 50) == (errors[mark.run_id] > 0) or abs(errors[mark.run_id]) < 0.001


def test_an_error_reads_with_its_sign_and_two_decimals_below_ten_per_cent() -> None:
    texts = [error(value) for value in (0.01234, -0.0004, -0.1624, 0.000004, 0.0)]
    assert texts == ["+1.23 %", "−0.04 %", "−16.2 %", "0.00 %", "0.00 %"]
    assert error_size(-0.0035) == "0.35 %"
