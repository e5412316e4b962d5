"""The bulk page in a browser: the bar moves, the table grows, the file is the server's."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import FilePayload

from tests.browser.conftest import OpenPage
from tests.browser.test_planner import Forgive

pytestmark = pytest.mark.browser

JOBS = (
    "name,model,gpu,gpus_per_node\n"
    "One,meta-llama/Llama-3.2-1B,h100-80-sxm,1\n"
    "Two,meta-llama/Llama-3.2-1B,h100-80-sxm,many\n"
)


def test_a_file_of_jobs_is_planned_with_progress_and_comes_back_as_a_file(
    open_page: OpenPage,
) -> None:
    page = open_page("/bulk")
    file = FilePayload(name="jobs.csv", mimeType="text/csv", buffer=JOBS.encode())
    page.locator("#jobs").set_input_files(files=[file])
    page.get_by_role("button", name="Plan all jobs").click()
    page.wait_for_selector("[data-bulk-file]:not([hidden])")
    status = page.locator("[data-bulk-status]").text_content()
    assert status == "Done: all 2 of 2 jobs, 1 of them could not be planned."
    assert page.locator("[data-bulk-results] tbody tr").count() == 2
    with page.expect_download() as download:
        page.locator("[data-bulk-file]").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert [line.split(",")[1] for line in text.splitlines()[1:]] == ["One", "Two"]


def test_a_file_that_is_no_table_is_told_beside_the_field(
    open_page: OpenPage, forgive: Forgive
) -> None:
    page = open_page("/bulk")
    file = FilePayload(name="jobs.csv", mimeType="text/csv", buffer=b"colour\nred\n")
    page.locator("#jobs").set_input_files(files=[file])
    page.get_by_role("button", name="Plan all jobs").click()
    page.wait_for_selector("[data-bulk-error]:not(:empty)")
    assert "There is no column 'colour'" in (page.locator("#jobs-error").text_content() or "")
    forgive("422")
