"""Signing in and out in a browser, where access is by key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.services.access import AccessService
from app.services.clock import utc_now
from app.storage.database import Database
from tests.browser.conftest import OpenPage
from tests.browser.test_accessibility import violations
from tests.browser.test_planner import Forgive
from tests.factories import estimate_request
from tests.soak.server import Server

pytestmark = pytest.mark.browser

KEYS: dict[str, str] = {}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The product with keys, and a plan in each of two workspaces."""
    folder: Path = tmp_path_factory.mktemp("keys")
    url = f"sqlite:///{folder}/shardplan.db"
    with Server(url, folder, SHARDPLAN_ACCESS="keys") as running:
        database = Database(url)
        access = AccessService(database, utc_now)
        for workspace in ("Sales", "Support"):
            KEYS[workspace] = access.create_key("Laptop", workspace, "write").secret
            plan = {
                "name": f"A plan of {workspace}",
                "request": estimate_request(strategies=["ddp"]),
            }
            headers = {"Authorization": f"Bearer {KEYS[workspace]}"}
            assert running.request("POST", "/api/v1/plans", plan, headers).status == 201
        database.close()
        yield f"http://127.0.0.1:{running.port}"


def test_a_key_opens_its_workspace_until_one_signs_out(
    open_page: OpenPage, forgive: Forgive
) -> None:
    page = open_page("/plans")
    expect(page).to_have_title("Sign in · Shardplan")
    key = page.get_by_label("Key", exact=True)
    expect(key).to_be_focused()

    key.fill("shardplan_" + "A" * 43)
    key.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This key does not work. Ask for a new one.")
    forgive("422")
    assert violations(page) == []

    key.fill(KEYS["Sales"])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_title("Plans · Shardplan")
    expect(page.get_by_role("link", name="A plan of Sales")).to_be_visible()
    expect(page.get_by_text("A plan of Support")).to_have_count(0)
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["secure"], cookie["httpOnly"]) == (
        "__Host-shardplan",
        True,
        True,
    )
    assert page.evaluate("document.cookie") == ""

    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title("Sign in · Shardplan")
    assert page.context.cookies() == []
    page.go_back()
    expect(page).to_have_title("Sign in · Shardplan")
    expect(page.get_by_text("A plan of Sales")).to_have_count(0)
