from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.test_planner import Forgive, choose, figures, interactive

pytestmark = pytest.mark.browser


def test_a_plan_is_edited_saved_shared_and_reopened(open_page: OpenPage, forgive: Forgive) -> None:
    page = interactive(open_page("/", permissions=["clipboard-read", "clipboard-write"]))
    choose(page, "method", "lora")
    page.wait_for_url(re.compile("method=lora"))
    planned = figures(page)

    page.locator("summary", has_text="Save plan").click()
    page.locator("#plan-name").fill("Northwind <em>quote</em>")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile("/plans/pl_"))
    expect(page.locator("h1")).to_have_text("Northwind <em>quote</em>")
    assert figures(page) == planned
    saved = page.url

    page.get_by_role("button", name="Make a link").click()
    link = page.locator("#share-link").input_value()
    page.get_by_role("region", name="Link to this plan").get_by_role("button").click()
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link

    reader = open_page(link)
    assert figures(reader) == planned
    reader.wait_for_selector(".chart.drawn")
    reader.get_by_role("link", name="ZeRO-3", exact=True).click()
    expect(reader.locator("#why-title")).to_contain_text("ZeRO-3")
    changing = reader.locator("form[method=post]:not(.theme)")
    expect(changing).to_have_count(1)  # a reader keeps a copy, and changes nothing
    expect(changing.get_by_role("button")).to_have_text("Copy to my plans")

    page.goto("/plans")
    page.get_by_role("link", name="Northwind <em>quote</em>").click()
    assert page.url == saved
    page.get_by_role("link", name="Open in the planner").click()
    assert figures(page) == planned

    page.goto(saved)
    page.get_by_role("button", name=re.compile("Revoke")).click()
    expect(page.get_by_text(re.compile("^Revoked"))).to_be_visible()
    reader.goto(link)
    expect(reader.locator("h1")).to_have_text("There is nothing here")
    forgive("404")

    page.locator("summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete for good").click()
    page.wait_for_url(re.compile("/plans$"))
    assert page.get_by_role("link", name="Northwind <em>quote</em>").count() == 0


def test_share_saves_and_shows_the_link_in_one_step(open_page: OpenPage) -> None:
    page = interactive(open_page("/"))
    page.get_by_role("button", name="Share").first.click()
    assert "/s/" in page.locator("#share-link").input_value()


def test_what_is_on_screen_is_shared_even_before_its_answer_came(open_page: OpenPage) -> None:
    page = interactive(open_page("/"))
    page.route(re.compile(r"/\?"), lambda route: None)  # the answer never comes
    page.locator("[name=sequence_length]").fill("777")
    page.get_by_role("button", name="Share").first.click()
    page.wait_for_url(re.compile("/plans/pl_"))
    expect(page.locator(".facts").first).to_contain_text("777 tokens")


def test_a_reload_after_sharing_makes_nothing_new(open_page: OpenPage) -> None:
    page = interactive(open_page("/"))
    page.get_by_role("button", name="Share").first.click()
    expect(page.locator("#share-link")).to_be_visible()
    page.reload()
    expect(page.locator("#share-link")).to_have_count(0)
    assert page.get_by_role("button", name=re.compile("Revoke")).count() == 1


def test_a_model_and_a_system_are_saved_and_planned_with(open_page: OpenPage) -> None:
    page = open_page("/models/meta-llama/Llama-3.2-1B")
    page.get_by_role("link", name="Save as your own").click()
    page.locator("#p-name").fill("Our own")
    page.get_by_role("button", name="Save model").click()
    page.get_by_role("link", name="Plan with this").click()
    expect(page.locator("#scenario")).to_contain_text("Our own")

    page.goto("/")
    interactive(page).get_by_role("combobox", name="Model", exact=True).click()
    page.get_by_role("option", name="Our own").click()
    expect(page.locator("#saved-model")).to_contain_text("Our own")

    page.goto("/gpus/h100-80-sxm")
    page.get_by_role("link", name="Save a system with it").click()
    page.locator("#p-name").fill("Lab box")
    page.locator("#p-gpus_per_node").fill("2")
    page.get_by_role("button", name="Save system").first.click()
    page.get_by_role("link", name="Plan with this").click()
    expect(page.locator("#scenario")).to_contain_text("2 × H100")

    interactive(page).get_by_role("link", name="Change: saved system Lab box").click()
    expect(page.locator("#f-gpus_per_node")).to_have_value("2")
    page.locator("#f-hardware_profile").select_option("Lab box")
    expect(page.locator("#saved-hardware")).to_contain_text("2 × H100")
    assert page.locator("#f-gpu").count() == 0


def test_the_catalogue_search_narrows_without_a_page_load(open_page: OpenPage) -> None:
    page = open_page("/models")
    page.wait_for_function(
        "() => window.htmx && document.querySelector('.browse[data-htmx-powered]')"
    )
    page.evaluate("window.same = true")
    page.get_by_role("searchbox").fill("mixtral 8x7b")
    expect(page.locator("#results tbody tr")).to_have_count(1)
    assert "q=mixtral" in page.url
    assert page.evaluate("window.same") is True
    page.get_by_role("link", name=re.compile("Plan with")).first.click()
    expect(page.locator("#scenario")).to_contain_text("Mixtral-8x7B")
