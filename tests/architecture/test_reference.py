"""docs/formulas is what the code says: `make docs` writes it, and this fails where nobody did."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.reference import documents, write
from tests.architecture.repository import ROOT

DOCUMENTS = documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_generated_document_is_up_to_date(name: str) -> None:
    path = ROOT / "docs" / name
    assert path.exists(), "run `make docs`"
    assert path.read_text(encoding="utf-8") == DOCUMENTS[name], "run `make docs`"


def test_nothing_else_lies_among_the_generated_documents() -> None:
    kept = {f"formulas/{path.name}" for path in (ROOT / "docs" / "formulas").iterdir()}
    assert kept == {name for name in DOCUMENTS if name.startswith("formulas/")}


def test_writing_removes_what_is_gone_and_makes_the_rest(tmp_path: Path) -> None:
    old = tmp_path / "formulas" / "old.md"
    old.parent.mkdir()
    old.write_text("gone")
    write(tmp_path)
    assert not old.exists()
    for name, text in DOCUMENTS.items():
        assert (tmp_path / name).read_text(encoding="utf-8") == text
