"""The parts of the layering that import contracts cannot see; `make check` runs the contracts."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, module_id, python_modules

DOMAIN = python_modules("app/domain")
APP = python_modules("app")
MAX_LINES = 400

# What would let a formula depend on the machine or the moment it runs on.
IMPURE = set(
    """
    asyncio datetime glob http io logging multiprocessing os pathlib pickle platform random secrets
    shutil signal socket sqlite3 subprocess tempfile threading time urllib uuid
    """.split()
)


def imports(path: Path) -> Iterator[str]:
    """The dotted names of all modules that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            yield node.module


@pytest.mark.parametrize("path", DOMAIN, ids=module_id)
def test_the_domain_imports_itself_numpy_and_pure_standard_library_only(path: Path) -> None:
    for name in imports(path):
        top = name.partition(".")[0]
        if top == "app":
            assert name.startswith("app.domain"), f"{name} lies outside the domain"
        else:
            assert top == "numpy" or top in sys.stdlib_module_names, f"{name} is third-party"
            assert top not in IMPURE, f"{name} reaches outside the process"


@pytest.mark.parametrize("path", DOMAIN, ids=module_id)
def test_the_domain_neither_opens_files_nor_prints(path: Path) -> None:
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input", "exec", "eval", "__import__"}


@pytest.mark.parametrize("path", APP, ids=module_id)
def test_a_module_has_one_purpose_and_fits_a_sitting(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= MAX_LINES, f"{lines} lines: split it by purpose"


@pytest.mark.parametrize("path", APP, ids=module_id)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not tree.body or ast.get_docstring(tree), "no module docstring"


def test_the_import_contracts_cover_every_part_of_the_application() -> None:
    contracts = (ROOT / "pyproject.toml").read_text()
    parts = {path.stem for path in (ROOT / "app").glob("*.py") if path.stem != "__init__"}
    parts |= {path.parent.name for path in (ROOT / "app").glob("*/__init__.py")}
    uncovered = {part for part in parts if f'"app.{part}"' not in contracts}
    assert uncovered == set(), "name them in the contracts of pyproject.toml"
