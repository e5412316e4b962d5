from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.browser
Forgive = Callable[[str], None]

READY = "() => window.htmx && document.querySelector('#job[data-htmx-powered]')"


def interactive(page: Page) -> Page:
    page.wait_for_function(READY)
    return page


def choose(page: Page, name: str, value: str) -> None:
    """Picks one of the segments, as a click or the arrow keys do."""
    page.locator(f"[name={name}][value={value}]").check()


def address(page: Page) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def figures(page: Page) -> str:
    return page.locator("#phases table").inner_text() + page.locator("#headline").inner_text()


def test_the_first_paint_holds_the_whole_plan(open_page: OpenPage) -> None:
    page = open_page("/")
    expect(page.locator("#headline")).to_contain_text("GiB")
    assert page.locator(".row").count() >= 12
    assert page.locator("#phases tbody tr").count() == page.locator(".row").count()


def test_plotly_draws_exactly_over_the_servers_bars(open_page: OpenPage) -> None:
    page = open_page("/", viewport={"width": 1440, "height": 900})
    page.wait_for_selector(".chart.drawn .drawing .bars path")
    bar = page.locator(".row .bar").first.bounding_box()
    drawn = page.locator(".drawing .trace.bars").first.locator("path").first.bounding_box()
    assert bar is not None
    assert drawn is not None
    assert drawn["x"] == pytest.approx(bar["x"], abs=1)
    assert drawn["y"] == pytest.approx(bar["y"] + 7, abs=1.5)
    assert drawn["height"] == pytest.approx(14, abs=1)


def first_bar(page: Page) -> tuple[float, float]:
    """The middle of a drawn bar that lies on the scale, to point at."""
    page.wait_for_selector(".chart.drawn .drawing .bars path")
    box = page.locator(".row .bar").first.bounding_box()
    assert box is not None
    return box["x"] + 20, box["y"] + 14


def test_hovering_a_bar_tells_its_figures_within_the_content_policy(open_page: OpenPage) -> None:
    page = open_page("/", viewport={"width": 1440, "height": 900})
    page.mouse.move(*first_bar(page))
    expect(page.locator(".drawing .hovertext")).to_contain_text("Peak")


def test_clicking_a_bar_chooses_its_strategy(open_page: OpenPage) -> None:
    page = interactive(open_page("/?strategy=zero3", viewport={"width": 1440, "height": 900}))
    page.mouse.click(*first_bar(page))
    page.wait_for_url(re.compile("strategy=ddp"))
    expect(page.locator("#why-title")).to_contain_text("DDP")


def test_the_pickers_parameter_counts_are_not_clipped(open_page: OpenPage) -> None:
    page = interactive(open_page("/", viewport={"width": 1440, "height": 900}))
    field = page.get_by_role("combobox", name="Model", exact=True)
    field.fill("")
    field.press_sequentially("llama 8b", delay=20)
    count = page.locator("#model-options [data-value] span:last-child").first
    expect(count).to_be_visible()
    panel, box = page.locator(".inputs").bounding_box(), count.bounding_box()
    assert panel is not None
    assert box is not None
    assert box["x"] + box["width"] <= panel["x"] + panel["width"]


def test_only_a_disclosures_chevron_turns(open_page: OpenPage) -> None:
    page = open_page("/")
    page.locator("summary", has_text="Save plan").click()
    turned = "icon => getComputedStyle(icon).transform"
    assert page.locator(".menu[open] > summary .icon").evaluate(turned) == "none"
    page.locator(".advanced > summary").click()
    assert page.locator(".advanced > summary .icon").evaluate(turned) != "none"


def test_a_choice_changes_answer_and_address_without_a_page_load(open_page: OpenPage) -> None:
    page = interactive(open_page("/"))
    page.evaluate("window.same = true")
    before = page.locator("#headline").inner_text()
    choose(page, "method", "qlora")
    expect(page.locator("#headline")).not_to_have_text(before)
    assert address(page)["method"] == "qlora"
    assert page.evaluate("window.same") is True
    expect(page.locator("#status")).to_have_text(page.locator("#headline").inner_text())


def test_typing_replaces_the_address_and_a_left_number_reads_with_commas(
    open_page: OpenPage,
) -> None:
    page = interactive(open_page("/"))
    entries = page.evaluate("history.length")
    field = page.locator("[name=sequence_length]")
    field.select_text()
    field.press_sequentially("4k", delay=30)
    page.wait_for_url(re.compile("sequence_length=4096"))
    assert field.input_value() == "4k"
    assert page.evaluate("document.activeElement.name") == "sequence_length"
    assert page.evaluate("history.length") == entries
    field.blur()
    expect(field).to_have_value("4,096")


def test_the_address_alone_brings_the_same_plan(open_page: OpenPage) -> None:
    page = interactive(open_page("/"))
    choose(page, "method", "lora")
    page.wait_for_url(re.compile("method=lora"))
    page.locator("#f-nodes").fill("2")
    page.wait_for_url(re.compile("nodes=2"))
    page.locator(".field-checkbox [name=activation_checkpointing][type=checkbox]").uncheck()
    page.wait_for_url(re.compile("activation_checkpointing=false"))
    expect(page.locator("#answer")).not_to_have_attribute("aria-busy", "true")
    copy = open_page(page.url)
    assert figures(copy) == figures(page)
    assert copy.locator("#f-nodes").input_value() == "2"
    assert not copy.locator("[name=activation_checkpointing][type=checkbox]").is_checked()


def test_back_brings_inputs_and_answer_back(open_page: OpenPage) -> None:
    page = interactive(open_page("/"))
    before = figures(page)
    choose(page, "method", "lora")
    page.wait_for_url(re.compile("method=lora"))
    page.go_back()
    page.wait_for_function("() => document.querySelector('[name=method][value=full]').checked")
    assert figures(page) == before
    choose(interactive(page), "method", "qlora")
    page.wait_for_url(re.compile("method=qlora"))


def test_apply_takes_the_fix_into_the_inputs_and_moves_focus_to_the_headline(
    open_page: OpenPage,
) -> None:
    page = interactive(open_page("/"))
    page.locator(".fix .button").first.click()
    page.wait_for_url(re.compile(r"\?"))
    page.wait_for_function("() => document.activeElement.id === 'headline'")
    expect(page.locator(".verdict-mark")).to_have_class(re.compile("fits|tight"))
    method = page.locator("[name=method]:checked").input_value()
    assert method == address(page)["method"]


def test_a_strategy_is_chosen_by_its_name_and_keeps_focus(open_page: OpenPage) -> None:
    page = interactive(open_page("/"))
    page.get_by_role("link", name="ZeRO-2", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("strategy=zero2"))
    expect(page.locator("#why-title")).to_contain_text("ZeRO-2")
    assert page.evaluate("document.activeElement.textContent.trim()") == "ZeRO-2"
    choose(page, "offload", "cpu")
    page.wait_for_url(re.compile("offload=cpu"))
    assert address(page)["strategy"] == "zero2"


def test_a_bad_field_is_told_beside_it_and_the_answer_stays(
    open_page: OpenPage, forgive: Forgive
) -> None:
    page = interactive(open_page("/"))
    before = figures(page)
    field = page.locator("[name=sequence_length]")
    field.fill("20 pages")
    expect(page.locator("#error-sequence_length")).to_contain_text("2,048")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#notice")).to_contain_text("last valid answer (2,048 tokens)")
    assert urlsplit(page.url).query == ""
    assert field.input_value() == "20 pages"
    assert figures(page) == before
    assert page.evaluate("document.activeElement.name") == "sequence_length"
    field.fill("1,024")
    expect(page.locator("#error-sequence_length")).to_be_empty()
    expect(page.locator("#notice")).to_be_empty()
    expect(field).not_to_have_attribute("aria-invalid", "true")
    forgive("422")


def test_a_page_that_opens_on_a_bad_field_can_be_saved_once_it_is_corrected(
    open_page: OpenPage, forgive: Forgive
) -> None:
    page = interactive(open_page("/?nodes=0"))
    assert page.get_by_role("button", name="Share").count() == 0
    page.locator("#f-nodes").fill("2")
    expect(page.get_by_role("button", name="Share").first).to_be_visible()
    expect(page.locator("#notice")).to_be_empty()
    forgive("422")


def test_a_failing_server_keeps_inputs_and_answer(open_page: OpenPage, forgive: Forgive) -> None:
    page = interactive(open_page("/"))
    before = figures(page)
    fails = [True]

    def answer(route: Route) -> None:
        if fails[0]:
            route.fulfill(status=503, body="<h1>no</h1>", headers={"X-Request-ID": "abc12345"})
        else:
            route.continue_()

    page.route(re.compile(r"/\?"), answer)
    page.locator("#f-nodes").fill("2")
    expect(page.locator("#failure")).to_contain_text("abc12345")
    expect(page.locator("#failure")).to_contain_text(re.compile(r"the answer below is from \d"))
    assert figures(page) == before
    assert page.locator("#f-nodes").input_value() == "2"
    fails[0] = False
    page.get_by_role("button", name="Try again").click()
    page.wait_for_url(re.compile("nodes=2"))
    expect(page.locator("#failure")).to_be_hidden()
    forgive("503")


def test_the_last_of_many_inputs_wins(open_page: OpenPage) -> None:
    page = interactive(open_page("/"))
    for method in ("lora", "qlora", "full", "qlora"):
        choose(page, "method", method)
    page.wait_for_url(re.compile("method=qlora"))
    expect(page.locator("#scenario")).to_contain_text("QLoRA")
    assert page.locator("[name=method]:checked").input_value() == "qlora"


def test_the_model_picker_works_from_the_keyboard(open_page: OpenPage) -> None:
    page = interactive(open_page("/"))
    field = page.get_by_role("combobox", name="Model", exact=True)
    field.fill("")
    field.press_sequentially("llama 8b", delay=20)
    expect(page.locator("#option-paste")).to_contain_text("llama 8b")
    expect(field).to_have_attribute("aria-expanded", "true")
    field.press("ArrowDown")
    chosen = page.locator("[role=option][aria-selected=true]").get_attribute("data-value")
    field.press("Enter")
    page.wait_for_url(re.compile("model=" + re.escape(str(chosen))))
    expect(page.locator("#model-options")).to_be_hidden()
    field.press_sequentially("zzz")
    expect(page.locator("#option-paste")).to_contain_text("zzz")
    field.press("Escape")
    assert field.input_value() == chosen


def test_the_theme_is_kept_and_recolours_the_drawing(open_page: OpenPage) -> None:
    page = open_page("/", color_scheme="light")
    page.wait_for_selector(".chart.drawn")
    fill = "getComputedStyle(document.querySelector('.drawing .bars path')).fill"
    light = page.evaluate(fill)
    with page.expect_response("**/theme"):
        page.get_by_role("button", name="Dark theme").click()
    page.wait_for_function(f"() => {fill} !== '{light}'")
    page.reload(wait_until="domcontentloaded")
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_print_shows_the_servers_bars_on_white(open_page: OpenPage) -> None:
    page = open_page("/", color_scheme="dark")
    page.wait_for_selector(".chart.drawn")
    page.emulate_media(media="print")
    expect(page.locator(".drawing")).to_be_hidden()
    expect(page.locator(".row .bar rect.c-weights").first).to_be_visible()
    expect(page.locator(".topbar")).to_be_hidden()
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"


def test_the_panels_around_the_answer_follow_an_edit_and_keep_the_place(
    open_page: OpenPage,
) -> None:
    page = interactive(open_page("/", viewport={"width": 1440, "height": 900}))
    page.locator("#explore-settings > summary").click()
    explained = page.locator("#explore-settings .explained")
    expect(explained).to_contain_text("GiB")
    before = explained.inner_text()
    page.locator("#f-sequence_length").fill("4096")
    expect(explained).not_to_have_text(before)
    page.locator(".effects tbody a").first.click()
    page.wait_for_function("() => document.activeElement.id === 'headline'")
    expect(page.locator("#explore-settings")).to_have_attribute("open", "")


def test_recent_models_come_first_when_the_picker_opens(open_page: OpenPage) -> None:
    page = interactive(open_page("/?model=meta-llama/Llama-3.1-8B"))
    page.goto("/", wait_until="domcontentloaded")
    interactive(page).get_by_role("combobox", name="Model", exact=True).click()
    expect(page.locator("#recent-0")).to_have_text("meta-llama/Llama-3.1-8B")


def test_a_preset_fills_the_inputs(open_page: OpenPage) -> None:
    page = interactive(open_page("/"))
    page.locator(".presets > summary").click()
    page.get_by_role("link", name="QLoRA, 70 B").click()
    page.wait_for_url(re.compile("method=qlora"))
    assert page.locator("[name=method]:checked").input_value() == "qlora"
    expect(page.locator("#f-gpus_per_node")).to_have_value("1")
