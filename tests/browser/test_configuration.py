"""The files of a strategy: tabs by mouse and keyboard, copied, and without a script."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.test_planner import interactive

pytestmark = pytest.mark.browser

PATH = "/?model=meta-llama/Llama-3.1-8B&gpu=h100-80-sxm&gpus_per_node=8&strategy=zero3"


def selected(page: Page) -> str:
    return page.locator("#configuration [role=tab][aria-selected=true]").inner_text()


def test_arrows_home_and_end_move_between_the_tabs(open_page: OpenPage) -> None:
    page = interactive(open_page(PATH))
    page.locator("#configuration [role=tab]").first.focus()
    moves = []
    for key in ("ArrowRight", "End", "ArrowRight", "ArrowLeft", "Home"):
        page.keyboard.press(key)
        moves.append(selected(page))
    assert moves == [
        "TrainingArguments", "Launch command", "DeepSpeed JSON", "Launch command", "DeepSpeed JSON",
    ]  # fmt: skip
    expect(page.locator("#configuration [role=tabpanel]:visible")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.locator("#file-deepspeed_json .caption a")).to_be_focused()


def test_the_open_file_is_copied_and_stays_open_when_the_job_changes(open_page: OpenPage) -> None:
    page = interactive(open_page(PATH, permissions=["clipboard-read", "clipboard-write"]))
    page.get_by_role("tab", name="TrainingArguments").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#configuration [data-copied]")).to_have_text("Copied")
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied["deepspeed"] == "ds_config.json"

    page.locator("#f-micro_batch_size").fill("2")
    expect(page.locator("#file-training_arguments_json code")).to_contain_text(
        '"per_device_train_batch_size": 2'
    )
    assert selected(page) == "TrainingArguments"


def test_without_a_script_all_files_stand_below_each_other(open_page: OpenPage) -> None:
    page = open_page(PATH, java_script_enabled=False)
    expect(page.locator("#configuration pre:visible")).to_have_count(3)
    expect(page.locator("#configuration h3:visible")).to_have_count(3)
    assert page.locator("#configuration [role=tab]").count() == 0
