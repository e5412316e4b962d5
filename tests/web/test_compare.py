"""The comparison: what differs is marked with its difference, stored numbers stay stored."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from starlette.testclient import TestClient

from app.services.container import Services
from app.services.planning import Planner
from app.web import compare
from app.web.comparison import Comparison, comparison_of
from app.web.planner import evaluate
from app.web.sheet import Sheet, live_sheet
from tests.factories import estimate_request, new_hardware_profile, new_plan

SMALL = "model=meta-llama/Llama-3.2-1B&gpu=h100-80-sxm&gpus_per_node=2&sequence_length=512"
OFFLOADED = "&offload=cpu&strategy=zero2_offload"


def sheet_of(client: TestClient, query: str) -> Sheet:
    services: Services = client.app.state.services  # type: ignore[attr-defined]
    sheet = live_sheet(services, evaluate(services, parse_qsl(query)))
    assert sheet is not None
    return sheet


def compared(client: TestClient, *queries: str) -> Comparison:
    return comparison_of([sheet_of(client, query) for query in queries])


def line(comparison: Comparison, label: str) -> list[str]:
    lines = [*comparison.takes, *comparison.memory, comparison.price, comparison.headroom]
    found = next(line for line in lines if line.label == label)
    return [f"{cell.text}|{cell.delta}|{cell.tone}" for cell in found.cells]


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def test_the_page_explains_itself_without_a_query(client: TestClient) -> None:
    page = client.get("/compare")
    assert page.status_code == 200
    assert "Nothing to compare yet" in page.text
    example = re.search(r'href="(/compare\?[^"]+)">Show a worked example', page.text)
    assert example is not None
    shown = client.get(unescape(example[1]))
    assert shown.status_code == 200
    assert [f"Open {letter} in planner" in shown.text for letter in "ABCD"] == [True] * 3 + [False]


def test_what_differs_from_a_says_so_to_those_who_cannot_see_the_tint(client: TestClient) -> None:
    wanted = [("s", SMALL), ("s", SMALL + "&micro_batch_size=2")]
    page = text_of(client.get(compare.address(wanted)).text)
    assert "differs from A: 2 per GPU" in page
    assert "differs from A: Full" not in page


def test_a_difference_carries_its_size_and_is_judged_only_where_better_is_certain(
    client: TestClient,
) -> None:
    comparison = compared(client, SMALL, SMALL.replace("gpus_per_node=2", "gpus_per_node=4"))
    assert line(comparison, "GPUs") == ["2||", "4|+2|"]
    price = line(comparison, "Hardware price")
    assert price[1].endswith("|worse")
    cheaper = compared(client, SMALL.replace("gpus_per_node=2", "gpus_per_node=4"), SMALL)
    assert line(cheaper, "Hardware price")[1].endswith("|better")
    assert {cell.split("|")[2] for cell in line(comparison, "Weights")} == {""}


def test_headroom_deltas_are_those_of_the_estimates(client: TestClient) -> None:
    sheets = [sheet_of(client, SMALL), sheet_of(client, SMALL + "&micro_batch_size=8")]
    rooms = [sheet.estimate.headroom_bytes for sheet in sheets if sheet.estimate]
    assert rooms[0] is not None
    assert rooms[1] is not None
    comparison = comparison_of(sheets)
    delta = (rooms[1] - rooms[0]) / 2**30
    assert delta < -0.05
    assert comparison.headroom.cells[1].delta == f"−{-delta:.1f} GiB"
    assert comparison.headroom.cells[1].tone == "worse"


def test_settings_that_are_the_same_fold_into_one_row(client: TestClient) -> None:
    comparison = compared(client, SMALL, SMALL + "&optimizer=adafactor")
    assert "Precision" in {line.label for line in comparison.same}
    assert "Optimizer" in {line.label for line in comparison.takes}
    assert comparison.same_words.startswith(f"{len(comparison.same)} settings are the same in both")
    assert "512 tokens" in comparison.same_words


def test_what_does_not_fit_is_not_made_to_fit_by_offload_that_is_not_allowed(
    client: TestClient,
) -> None:
    comparison = compared(client, "offload=none", "offload=none&strategy=zero_infinity")
    assert [column.verdict for column in comparison.columns] == ["does_not_fit", "fits"]
    room = comparison.headroom.cells[0].text
    assert room.startswith("−")


def test_bars_share_one_scale(client: TestClient) -> None:
    large = SMALL.replace("h100-80-sxm", "h200-141-sxm")
    comparison = compared(client, SMALL, large)
    one, two = (column.bar for column in comparison.columns)
    assert one.ticks == two.ticks
    assert one.capacity < two.capacity <= 100


def test_a_saved_plan_is_compared_by_its_stored_numbers(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = client.post("/api/v1/plans", json=new_plan()).json()
    monkeypatch.delattr(Planner, "plan")
    page = client.get(compare.address([("plan", plan["id"])]))
    assert page.status_code == 200
    assert "Quote 1042" in page.text
    peak = plan["result"]["estimate"]["estimates"][0]["peak"]["allocated_bytes"]
    assert f"{peak / 2**30:.1f} of " in page.text


def test_results_of_different_engines_say_so(client: TestClient) -> None:
    now = sheet_of(client, SMALL)
    old = replace(now.result.estimate, engine_version="0.9.0")
    then = replace(now, result=replace(now.result, estimate=old))
    assert comparison_of([now, now]).versions == ()
    assert "engine 0.9.0" in comparison_of([then, now]).versions[0]


def test_adding_from_the_planner_extends_the_comparison_that_was_looked_at(
    client: TestClient,
) -> None:
    first = client.get(f"/compare/add?{SMALL}")
    assert urlsplit(str(first.url)).path == "/compare"
    second = client.get(f"/compare/add?{SMALL}&micro_batch_size=4")
    wanted = parse_qsl(urlsplit(str(second.url)).query)
    assert wanted == [("s", SMALL), ("s", f"{SMALL}&micro_batch_size=4")]
    again = client.get(f"/compare/add?{SMALL}&micro_batch_size=4")
    assert parse_qsl(urlsplit(str(again.url)).query) == wanted
    assert "Continue with your last comparison" in client.get("/compare").text
    assert "last comparison" not in client.post("/compare/clear").text


def test_a_fifth_scenario_takes_the_fourth_ones_place(client: TestClient) -> None:
    for batch in range(1, 5):
        client.get(f"/compare/add?{SMALL}&micro_batch_size={batch}")
    page = client.get(f"/compare/add?{SMALL}&micro_batch_size=5")
    wanted = parse_qsl(urlsplit(str(page.url)).query)
    assert [value[-1] for _, value in wanted] == ["1", "2", "3", "5"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([("plan", "pl_unknown"), ("s", SMALL)], "A saved plan is missing."),
        ([("s", SMALL), ("s", "gpus_per_node=many")], "GPUs per node: Enter a whole number"),
    ],
)
def test_a_scenario_that_cannot_be_shown_leaves_the_others(
    client: TestClient, wanted: list[tuple[str, str]], said: str
) -> None:
    page = client.get(compare.address(wanted))
    assert page.status_code == 422
    assert said in text_of(page.text)
    assert "Open A in planner" in page.text or "Headroom per GPU" in page.text


def test_names_are_escaped(client: TestClient) -> None:
    request = estimate_request()
    plan = client.post("/api/v1/plans", json={"name": "<b>&", "request": request}).json()
    page = client.get(compare.address([("plan", plan["id"])])).text
    assert "<b>&" not in page
    assert "&lt;b&gt;&amp;" in page


def test_a_difference_in_host_memory_is_that_of_the_figures_beside_it(client: TestClient) -> None:
    base, other = line(compared(client, SMALL, SMALL + OFFLOADED), "Host memory needed")
    shown = [float(cell.split(" ")[0]) for cell in (base, other)]
    delta = float(other.split("|")[1].split(" ")[0].replace("−", "-"))
    assert delta == pytest.approx(shown[1] - shown[0], abs=0.1001)


def test_a_comparison_is_taken_away_as_the_rows_of_each_scenarios_own_file(
    client: TestClient,
) -> None:
    plan = client.post("/api/v1/plans", json=new_plan()).json()
    page = client.get(compare.address([("s", SMALL), ("plan", plan["id"])])).text
    href = re.search(r'href="(/compare/export\.csv[^"]+)"', page)
    assert href is not None
    rows = table(client, unescape(href[1]))
    for letter, own in (("A", f"/export.csv?{SMALL}"), ("B", f"/plans/{plan['id']}/export.csv")):
        theirs = [row for row in rows if row["scenario"] == letter]
        assert theirs
        assert [numbers(row) for row in theirs] == [numbers(row) for row in table(client, own)]


def test_a_comparison_with_a_mistake_leads_to_where_it_is_told(client: TestClient) -> None:
    wanted = [("s", SMALL), ("plan", "pln_none")]
    answer = client.get(f"/compare/export.csv?{urlencode(wanted)}", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == compare.address(wanted)


def numbers(row: dict[str, str]) -> dict[str, str]:
    """What a row says about the job: not its column, nor when and where it was asked for."""
    return {k: v for k, v in row.items() if k not in {"scenario", "computed_at", "link"}}


def table(client: TestClient, address: str) -> list[dict[str, str]]:
    text = client.get(address).content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_saved_system_has_its_own_price_wherever_it_is_told(client: TestClient) -> None:
    system = new_hardware_profile(price_usd=52000)
    profile = client.post("/api/v1/hardware-profiles", json=system).json()["id"]
    query = f"model=meta-llama/Llama-3.2-1B&hardware_profile={profile}"
    own = line(compared(client, SMALL, query), "Hardware price")[1]
    assert own.startswith("$52,000|")
    (row, *_) = csv.DictReader(
        io.StringIO(client.get(f"/export.csv?{query}").text.lstrip("\ufeff"))
    )
    assert row["system_usd"] == "52000.0"
    request = {"model": {"id": "meta-llama/Llama-3.2-1B"}, "hardware": {"profile": profile}}
    plan = client.post("/api/v1/plans", json={"name": "Own", "request": request}).json()
    page = text_of(client.get(f"/plans/{plan['id']}").text)
    assert "Price of the system $52,000" in page
