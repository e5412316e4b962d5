from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.web.guides import DOCUMENTS, guide, names, page_address


@pytest.mark.parametrize("name", sorted(names()))
def test_every_document_is_a_page_whose_links_lead_somewhere(name: str, client: TestClient) -> None:
    page = client.get(f"/guides/{name}")
    assert page.status_code == 200
    body = str(guide(name).body)
    for address in re.findall(r'href="(/[^"#]*)', body):
        assert client.get(address).status_code == 200, address
    anchors = set(re.findall(r' id="([^"]+)"', page.text))
    assert set(re.findall(r'href="#([^"]+)"', body)) <= anchors


def test_the_index_lists_every_document() -> None:
    listed = set(re.findall(r'href="/guides/([\w-]+)"', str(guide("README").body)))
    assert listed == names()


@pytest.mark.parametrize("name", ["README", "nothing", "..%2FREADME", "decisions", "%00"])
def test_anything_else_is_not_found(name: str, client: TestClient) -> None:
    assert client.get(f"/guides/{name}").status_code == 404


def test_links_between_documents_become_links_between_pages() -> None:
    assert page_address("operating.md#sqlite") == "/guides/operating#sqlite"
    assert page_address("formulas/README.md") == "/formulas"
    assert page_address("decisions/0001-cdn-with-a-local-fallback.md") is None
    assert page_address("https://example.com/") == "https://example.com/"


def test_html_in_a_document_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.md").write_text("# Mine\n\n<script>alert(1)</script>\n")
    monkeypatch.setattr("app.web.guides.DOCUMENTS", tmp_path)
    assert "<script>" not in guide("mine").body
    assert DOCUMENTS.name == "docs"
