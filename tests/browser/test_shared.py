"""What somebody sees who was sent a link."""

from __future__ import annotations

import io
import json
from urllib.request import Request, urlopen

import pypdf
import pytest

from tests.browser.conftest import OpenPage
from tests.factories import estimate_request

pytestmark = pytest.mark.browser


def post(address: str, document: object) -> dict[str, str]:
    request = Request(
        address, json.dumps(document).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urlopen(request) as answer:
        found: dict[str, str] = json.load(answer)
    return found


def test_a_shared_plan_is_printed_on_two_pages_with_its_link(
    open_page: OpenPage, server: str
) -> None:
    # It does not fit: changes are proposed, and the arithmetic is long.
    job = estimate_request(model={"id": "meta-llama/Llama-3.1-70B"})
    plan = post(f"{server}/api/v1/plans", {"name": "A customer's name " * 5, "request": job})
    link = post(f"{server}/api/v1/plans/{plan['id']}/shares", {})["url"]

    page = open_page(link, viewport={"width": 1440, "height": 900})
    printed = pypdf.PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))

    assert len(printed.pages) == 2
    text = " ".join(" ".join(sheet.extract_text() for sheet in printed.pages).split())
    for said in ("Memory plan, stored", "The job", "Peak memory per GPU", "Run it", "Provenance"):
        assert said in text
    assert link in text.replace(" ", "")
    assert "Copy to my plans" not in text
