"""docs/formulas is what the code says: `make docs` writes it, and this fails where nobody did."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.reference import documents, write
from tests.architecture.repository import ROOT


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return documents()


def test_the_generated_documents_are_up_to_date(generated: dict[str, str]) -> None:
    kept = {name: ROOT / "docs" / name for name in generated}
    old = [
        name
        for name, path in kept.items()
        if not path.exists() or path.read_text(encoding="utf-8") != generated[name]
    ]
    assert old == [], "run `make docs`"


def test_nothing_else_lies_among_the_generated_documents(generated: dict[str, str]) -> None:
    kept = {f"formulas/{path.name}" for path in (ROOT / "docs" / "formulas").iterdir()}
    assert kept == {name for name in generated if name.startswith("formulas/")}


def test_writing_removes_what_is_gone_and_makes_the_rest(
    tmp_path: Path, generated: dict[str, str]
) -> None:
    old = tmp_path / "formulas" / "old.md"
    old.parent.mkdir()
    old.write_text("gone")
    write(tmp_path)
    assert not old.exists()
    for name, text in generated.items():
        assert (tmp_path / name).read_text(encoding="utf-8") == text
