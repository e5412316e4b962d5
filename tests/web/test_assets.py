from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from app.http.security_headers import CDN, CONTENT_SECURITY_POLICY
from app.web import assets
from app.web.assets import LIBRARIES, Library

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.package)
def test_the_lock_holds_the_version_that_the_page_names(library: Library) -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert lock["packages"][f"node_modules/{library.package}"]["version"] == library.version


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.package)
def test_the_integrity_is_that_of_the_packages_own_file(library: Library) -> None:
    file = assets.VENDOR / library.name
    if not file.is_file():
        pytest.skip("run `make assets` to install the packages")
    digest = base64.b64encode(hashlib.sha384(file.read_bytes()).digest()).decode()
    assert library.integrity == f"sha384-{digest}"


def test_the_policy_lets_the_libraries_in_and_nothing_inline() -> None:
    policy = dict(part.strip().split(" ", 1) for part in CONTENT_SECURITY_POLICY.split(";"))
    assert policy["script-src"].split() == ["'self'", CDN]
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert all(library.url.startswith(f"{CDN}/npm/") for library in LIBRARIES)


def test_no_template_carries_inline_script_style_or_handlers() -> None:
    found = []
    for file in (ROOT / "templates").rglob("*.html"):
        text = file.read_text()
        found += [
            (file.name, bad)
            for bad in re.findall(
                r"\sstyle=|<style|\son[a-z]+=|hx-on|javascript:|hx-vals=.js", text
            )
        ]
        found += [
            (file.name, tag)
            for tag in re.findall(r"<script[^>]*>", text)
            if "src=" not in tag and "application/json" not in tag
        ]
    assert found == []


def test_without_an_installed_copy_the_page_names_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(assets, "VENDOR", tmp_path)
    assert assets.local_copy(assets.HTMX) is None
    assert assets.local_copy(assets.PLOTLY) == assets.PLOTLY_ROUTE
    assert not assets.fonts_installed()
