"""The accuracy page in a browser: the drawn scatter, sorting and filtering in place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.schemas.examples import MEASURED_RUNS
from tests.browser.conftest import OpenPage
from tests.browser.test_accessibility import PHONE, violations
from tests.browser.test_planner import Forgive

pytestmark = pytest.mark.browser


def test_a_run_is_chosen_in_the_scatter_sorted_and_filtered_without_leaving_the_page(
    open_page: OpenPage,
) -> None:
    page = open_page("/accuracy")
    page.wait_for_function("() => window.htmx")
    page.wait_for_selector(".scatter-plot.drawn")
    total = page.locator("#run-rows tbody tr").count()
    page.locator("#f-strategy").select_option("zero3")
    expect(page.locator("#run-rows [role=status]")).to_contain_text(f"of {total} runs")
    page.wait_for_url("**strategy=zero3**")
    filtered = page.locator("#run-rows tbody tr").count()
    assert 0 < filtered < total
    page.locator("#sort-measured").click()
    expect(page.locator("th[aria-sort]")).to_have_text("Measured ↓")
    assert page.locator("#run-rows tbody tr").count() == filtered
    assert page.locator("h1").inner_text() == "Accuracy"


def test_without_scripts_the_table_sorts_and_the_marks_are_the_servers(
    open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page("/accuracy", java_script_enabled=False)
    assert page.locator(".own-points use").count() == page.locator("#run-rows tbody tr").count()
    page.locator("#sort-measured").click()
    assert "sort=measured" in page.url
    results = tmp_path / "results.jsonl"
    results.write_text(json.dumps(MEASURED_RUNS["one_run"]["value"]["runs"][0]), encoding="utf-8")
    page.locator("#y-file").set_input_files(results)
    page.locator("text=Compare").last.click()
    expect(page.locator("h1")).to_have_text("Your runs")
    expect(page.locator(".headline-figures")).to_contain_text("1 of 1")


def test_a_runs_page_is_accessible_and_fits_a_phone(open_page: OpenPage) -> None:
    page = open_page("/accuracy/runs/s-fsdp2-8b", viewport=PHONE, color_scheme="dark")
    assert violations(page) == []
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_what_is_wrong_with_results_is_told_beside_the_field(
    open_page: OpenPage,
    forgive: Forgive,
) -> None:
    page = open_page("/accuracy/comparisons", java_script_enabled=False)
    page.locator("#y-results").fill("not json")
    page.locator("text=Compare").last.click()
    expect(page.locator("#y-errors")).to_contain_text("Line 1")
    expect(page.locator("#y-results")).to_have_value("not json")
    forgive("422")
