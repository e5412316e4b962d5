from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage, from_packages
from tests.browser.test_planner import Forgive, choose, figures, interactive

pytestmark = pytest.mark.browser


def blocked(route: Route) -> None:
    route.abort()


def changes_by_htmx(page: Page) -> None:
    page.evaluate("window.same = true")
    choose(page, "method", "lora")
    page.wait_for_url(re.compile("method=lora"), wait_until="commit")
    assert page.evaluate("window.same") is True


def test_a_blocked_cdn_is_replaced_by_the_local_copies(
    open_page: OpenPage, forgive: Forgive
) -> None:
    page = interactive(open_page("/", cdn=blocked))
    changes_by_htmx(page)
    page.wait_for_selector(".chart.drawn .bars path")
    forgive("net::ERR_FAILED")


def test_a_hanging_cdn_is_replaced_after_two_seconds(open_page: OpenPage) -> None:
    held: list[Route] = []
    started = time.monotonic()
    page = interactive(open_page("/", cdn=lambda route: held.append(route)))
    assert time.monotonic() - started < 8
    changes_by_htmx(page)
    page.wait_for_selector(".chart.drawn .bars path")
    assert page.evaluate("document.readyState") == "interactive"
    assert len(held) == 2


def test_a_script_that_arrives_late_is_not_run_twice(open_page: OpenPage) -> None:
    held: list[Route] = []
    page = interactive(open_page("/", cdn=lambda route: held.append(route)))
    page.evaluate("window.first = window.htmx")
    for route in held:
        from_packages(route)
    page.wait_for_timeout(500)
    assert page.evaluate("window.htmx === window.first") is True
    changes_by_htmx(page)


def test_without_any_library_the_page_is_a_plain_form(
    open_page: OpenPage, forgive: Forgive
) -> None:
    page = open_page("/?method=full", cdn=blocked)
    page.route(re.compile("/vendor/"), blocked)
    page.reload(wait_until="domcontentloaded")
    before = figures(page)
    choose(page, "method", "lora")
    page.get_by_role("button", name="Update").click()
    page.wait_for_url(re.compile("method=lora"))
    assert figures(page) != before
    expect(page.locator(".row .bar rect.c-weights").first).to_be_visible()
    page.wait_for_load_state("networkidle")  # the drawing's library is asked for last
    forgive("net::ERR_FAILED")


def test_a_hanging_cdn_without_local_copies_leaves_a_plain_form(open_page: OpenPage) -> None:
    held: list[Route] = []

    def without_copies(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=re.sub(' data-local="[^"]*"', "", response.text()))

    page = open_page("/plans", cdn=lambda route: held.append(route))
    page.route(re.compile(r"/(\?.*)?$"), without_copies)
    page.goto("/", wait_until="domcontentloaded")
    expect(page.get_by_role("button", name="Update")).to_be_visible()
    page.locator("[name=method][value=lora]").check()
    stale = page.locator("[data-stale]")
    expect(stale).to_have_text("The figures are of the job before your change.")
    page.get_by_role("button", name="Update").click()
    page.wait_for_url(re.compile("method=lora"), wait_until="commit")
    expect(page.locator("#scenario")).to_contain_text("LoRA")
    expect(stale).to_have_text("")


def test_a_lost_network_is_told_and_asked_again_once_it_is_back(
    open_page: OpenPage, forgive: Forgive
) -> None:
    page = interactive(open_page("/"))
    before = figures(page)
    page.context.set_offline(True)
    page.locator("#f-nodes").fill("2")
    banner = page.locator("#failure")
    expect(banner).to_contain_text("You are offline.")
    hour = page.evaluate("new Date().toLocaleTimeString([], {hour: '2-digit'})").split()[0]
    expect(banner).to_contain_text(re.compile(rf"the answer below is from {hour}\b"))
    assert figures(page) == before
    page.locator("#explore-settings > summary").click()
    expect(page.locator("#explore-settings")).to_contain_text("could not be loaded")
    page.context.set_offline(False)
    page.wait_for_url(re.compile("nodes=2"))
    expect(banner).to_be_hidden()
    expect(page.locator("#explore-settings .explained")).to_contain_text("GiB")
    assert page.locator("#f-nodes").input_value() == "2"
    forgive("ERR_INTERNET_DISCONNECTED|Failed to fetch")


def test_on_a_slow_network_the_old_answer_stays_readable_and_the_last_edit_wins(
    open_page: OpenPage,
) -> None:
    page = interactive(open_page("/"))
    before = figures(page)
    slow = {
        "offline": False,
        "latency": 700,
        "downloadThroughput": 60_000,
        "uploadThroughput": 20_000,
    }
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    choose(page, "method", "qlora")
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "true")
    assert figures(page) == before
    choose(page, "method", "lora")
    page.wait_for_url(re.compile("method=lora"))
    expect(page.locator("#answer")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#scenario")).to_contain_text(", LoRA,")
    assert figures(page) != before


def test_without_javascript_everything_is_there(open_page: OpenPage) -> None:
    page = open_page("/", java_script_enabled=False)
    expect(page.locator(".row .bar rect.c-weights").first).to_be_visible()
    page.locator("label:has([name=method][value=lora])").click()
    page.locator("#f-sequence_length").fill("4k")
    page.get_by_role("button", name="Update").click()
    assert page.locator("#f-sequence_length").input_value() == "4,096"
    expect(page.locator("#scenario")).to_contain_text("LoRA")
    page.get_by_role("link", name="ZeRO-3", exact=True).click()
    expect(page.locator("#why-title")).to_contain_text("ZeRO-3")
    page.get_by_role("button", name="Dark theme").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    expect(page.locator("#scenario")).to_contain_text("LoRA")
    page.locator("summary", has_text="Save plan").click()
    page.locator("#plan-name").fill("No script")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("h1")).to_have_text("No script")
    page.get_by_role("button", name="Make a link").click()
    page.goto(page.locator("#share-link").input_value())
    expect(page.locator("h1")).to_have_text("No script")
