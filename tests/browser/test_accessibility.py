from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.test_planner import Forgive, interactive

pytestmark = pytest.mark.browser

WIDTHS = (320, 390, 768, 1024, 1280)
PATHS = (
    "/",
    "/?method=lora&fsdp1=show",
    "/?model=meta-llama/Llama-3.1-8B",
    "/systems",
    "/compare?s=method%3Dlora&s=offload%3Dcpu",
    "/bulk",
    "/models",
    "/gpus",
    "/models/deepseek-ai/DeepSeek-V3",
    "/gpus/h200-141-sxm",
    "/hardware-profiles/new?system=dgx-h100",
    "/formulas?q=gathered",
    "/accuracy?strategy=fsdp1",
    "/frameworks",
    "/claims",
    "/explore/settings",
    "/explore/batch",
    "/explore/call",
    "/plans",
    "/plans/new",
    "/s/new",
)
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


def opened(open_page: OpenPage, path: str, **options: Any) -> Page:
    """A page by its path; `new` stands for a plan that is saved, or shared, for it."""
    page = open_page("/" if path.endswith("new") else path, **options)
    if path.endswith("new"):
        page.locator("#share button").evaluate("button => button.click()")
        page.wait_for_selector("#share-link")
        link = page.locator("#share-link").input_value()
        if path.startswith("/s/"):
            page.goto(link, wait_until="domcontentloaded")
    return page


def violations(page: Page) -> list[str]:
    page.wait_for_timeout(300)
    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for rule in found
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing(
    open_page: OpenPage, path: str, scheme: str, viewport: dict[str, int]
) -> None:
    page = opened(open_page, path, color_scheme=scheme, viewport=viewport)
    if page.locator("[data-chart]").count():
        page.wait_for_selector(".chart.drawn")
    assert violations(page) == []


def test_axe_finds_nothing_on_errors_and_open_menus(open_page: OpenPage, forgive: Forgive) -> None:
    page = interactive(open_page("/?sequence_length=9999999"))
    page.locator(".advanced summary").click()
    assert violations(page) == []
    page = interactive(open_page("/"))
    page.locator("summary", has_text="Save plan").click()
    for fold in ("#explore-settings", "#explore-batch"):
        page.locator(f"{fold} > summary").click()
        page.wait_for_selector(f"{fold} .explained")
    assert violations(page) == []
    page.locator("#f-model").fill("llama")
    page.wait_for_selector("#model-options [role=option]")
    assert violations(page) == []
    page.goto("/nowhere")
    assert violations(page) == []
    forgive("422|404")


@pytest.mark.parametrize("path", PATHS)
def test_no_page_scrolls_sideways(open_page: OpenPage, path: str) -> None:
    page = opened(open_page, path)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(200)
        excess = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert excess <= 0, f"{width} px: {excess} px too wide"


def test_the_first_tab_stop_skips_to_the_answer(open_page: OpenPage) -> None:
    page = interactive(open_page("/"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the answer"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "answer"


def test_targets_are_large_enough_on_a_phone(open_page: OpenPage) -> None:
    page = open_page("/", viewport=PHONE, has_touch=True)
    boxes = page.locator("a, button, summary, input:not([type=hidden]), select").evaluate_all(
        """all => all
            .filter(e => e.checkVisibility() && !e.closest('p, td, .skip') && e.type !== 'checkbox')
            .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
            .filter(([, box]) => box.width > 1 && (box.width < 24 || box.height < 24))
            .map(([html]) => html)"""
    )
    assert boxes == []
