from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.test_planner import Forgive, address, choose, interactive

pytestmark = pytest.mark.browser
SMALL = "/systems?model=meta-llama/Llama-3.2-1B"


def test_a_changed_filter_brings_other_systems_and_keeps_the_focus(open_page: OpenPage) -> None:
    page = interactive(open_page(SMALL))
    before = page.locator("#headline").inner_text()
    page.evaluate("window.stays = true")
    nodes = page.locator("#f-max_nodes")
    nodes.fill("1")
    expect(page.locator("#headline")).not_to_have_text(before)
    assert address(page)["max_nodes"] == "1"
    expect(nodes).to_be_focused()
    assert page.evaluate("window.stays")


def test_a_method_is_a_click_and_the_way_back_leads_to_the_one_before(open_page: OpenPage) -> None:
    page = interactive(open_page("/systems?max_nodes=1"))
    before = page.locator("#headline").inner_text()
    choose(page, "method", "qlora")
    page.wait_for_url(re.compile("method=qlora"))
    expect(page.locator("#headline")).not_to_have_text(before)
    page.go_back()
    expect(page.locator("#headline")).to_have_text(before)


def test_a_bad_number_is_told_beside_its_field_and_the_systems_stay(
    open_page: OpenPage, forgive: Forgive
) -> None:
    page = interactive(open_page(SMALL))
    before = page.locator("#headline").inner_text()
    page.locator("#f-max_nodes").fill("999")
    expect(page.locator("#error-max_nodes")).to_contain_text("128")
    expect(page.locator("#f-max_nodes")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#headline")).to_have_text(before)
    page.locator("#f-max_nodes").fill("2")
    expect(page.locator("#error-max_nodes")).to_be_empty()
    forgive("422")


def test_a_found_system_opens_in_the_planner(open_page: OpenPage) -> None:
    page = open_page(SMALL, java_script_enabled=False)
    prefix = "Plan with this: "
    link = page.get_by_role("link", name=re.compile(f"^{prefix}")).first
    name = (link.get_attribute("aria-label") or link.inner_text()).removeprefix(prefix)
    link.click()
    expect(page.locator("#headline")).to_contain_text("Fits with")
    expect(page.locator("#scenario")).to_contain_text(name)


def test_a_filter_works_without_scripts(open_page: OpenPage) -> None:
    page = open_page(SMALL, java_script_enabled=False)
    page.locator("#f-vendor").select_option("amd")
    page.get_by_role("button", name="Find systems").click()
    expect(page.locator(".found tbody th").first).to_contain_text("Instinct")
