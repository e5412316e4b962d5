from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

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
    "/models/import",
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
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
# What another width or another scheme can change; the rest is in the markup, which stays.
OF_COLOUR = ("color-contrast", "link-in-text-block")
SEEN_ON_A_PHONE = (*OF_COLOUR, "scrollable-region-focusable", "target-size")


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


def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds, by all of its rules unless some are named."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for rule in found
        for node in rule["nodes"]
    ]


def drawn(page: Page) -> None:
    if page.locator("[data-chart]").count():
        page.wait_for_selector(".chart.drawn")
    page.evaluate("document.fonts.ready")


@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing_and_no_page_scrolls_sideways(open_page: OpenPage, path: str) -> None:
    page = opened(open_page, path, color_scheme="light", viewport=DESKTOP)
    drawn(page)
    assert violations(page) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(100)
        excess = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert excess <= 0, f"{width} px: {excess} px too wide"
    page.set_viewport_size(PHONE)
    assert violations(page, *SEEN_ON_A_PHONE) == []


@pytest.mark.parametrize("path", PATHS)
def test_colours_keep_their_contrast_in_the_dark(open_page: OpenPage, path: str) -> None:
    page = opened(open_page, path, color_scheme="dark", viewport=DESKTOP)
    drawn(page)
    assert violations(page, *OF_COLOUR) == []


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


def test_the_first_tab_stop_skips_to_the_answer(open_page: OpenPage) -> None:
    page = interactive(open_page("/"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the answer"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "answer"


def tab_to(page: Page, selector: str) -> None:
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"the Tab key never reaches {selector}")


def test_the_planner_is_used_by_the_keyboard_alone(open_page: OpenPage) -> None:
    page = interactive(open_page("/", viewport=DESKTOP))
    tab_to(page, "#f-model")
    page.keyboard.type("llama-3.1-8b")
    expect(page.locator("#option-1 mark").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("Llama-3.1-8B"))
    tab_to(page, "#explore-batch > summary")
    page.keyboard.press("Enter")
    expect(page.locator(".grid-of-batches .here")).to_be_visible()
    tab_to(page, ".grid-of-batches .cell:not(.here) a")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'headline'")
    assert "sequence_length=2048&micro_batch_size=1&" not in page.url
    tab_to(page, ".row-name")
    page.keyboard.press("Enter")
    expect(page.locator("#why-title")).to_contain_text("DDP")
    assert page.evaluate("document.activeElement.id") == "strategy-ddp"


def test_forced_colours_keep_the_bars_and_bound_the_badges_and_nothing_moves(
    open_page: OpenPage,
) -> None:
    page = open_page("/", forced_colors="active", reduced_motion="reduce")
    drawn(page)
    style = "(element, name) => getComputedStyle(element)[name]"
    seen = {
        page.locator(f".legend .s-{group}").evaluate(style, "backgroundColor")
        for group in ("weights", "gradients", "optimizer_states", "activations", "buffers")
    }
    assert len(seen) == 5
    beyond = page.locator(".drawing .shape-group path").first.evaluate(style, "fill")
    assert beyond == page.locator(".row .bar .c-over").first.evaluate(style, "fill")
    assert page.locator(".badge").first.evaluate(style, "borderTopWidth") == "1px"
    chosen, other = (
        page.locator(f"[name=method][value={value}] + span").evaluate(style, "backgroundColor")
        for value in ("full", "lora")
    )
    assert chosen != other
    page.route(re.compile(r"/\?"), lambda route: None)  # the answer never comes
    interactive(page).locator("[name=method][value=lora]").check()
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "true")
    page.wait_for_timeout(300)  # the sign that work goes on is shown after 200 ms
    assert page.evaluate("document.getAnimations().length") == 0


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
