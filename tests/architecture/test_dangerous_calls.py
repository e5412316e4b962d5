"""What the product never does, so that no input can make it do it to somebody's harm."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, module_id, tracked_files

PYTHON = [
    path
    for path in tracked_files()
    if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ("app", "migrations")
]
SCRIPTS = [path for path in tracked_files() if path.suffix == ".js"]
TEMPLATES = [path for path in tracked_files() if path.is_relative_to(ROOT / "templates")]

# Modules that run, read or hash what they are given in a way that can be abused.
NEVER_IMPORTED = {"marshal", "pickle", "shelve", "xml", "lxml", "yaml", "crypt", "Crypto"}
NEVER_CALLED = {"eval", "exec", "compile", "__import__"}
HASHES = {"sha256"}


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in PYTHON}


def test_no_text_is_run_as_code_and_nothing_is_unpickled(trees: dict[Path, ast.Module]) -> None:
    for path, tree in trees.items():
        assert not imported(tree) & NEVER_IMPORTED, module_id(path)
        named = {call.func.id for call in calls(tree) if isinstance(call.func, ast.Name)}
        assert not named & NEVER_CALLED, module_id(path)


def test_programs_are_started_in_one_place_without_a_shell(trees: dict[Path, ast.Module]) -> None:
    starting = {path for path, tree in trees.items() if "subprocess" in imported(tree)}
    assert [module_id(path) for path in starting] == ["app/storage/backups.py"]
    for path, tree in trees.items():
        assert not re.search(r"\bos\.(system|popen|exec|spawn)", path.read_text()), module_id(path)
        for call in calls(tree):
            assert not [word for word in call.keywords if word.arg == "shell"], module_id(path)


def test_statements_hold_no_text_that_was_put_together(trees: dict[Path, ast.Module]) -> None:
    statements = {"text", "exec_driver_sql", "literal_column"}
    for path, tree in trees.items():
        if "sqlalchemy" not in imported(tree):
            continue
        for call in calls(tree):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name in statements and call.args:
                assert not isinstance(call.args[0], ast.JoinedStr | ast.BinOp), module_id(path)


def test_there_is_one_hash_function_and_secrets_come_from_the_system(
    trees: dict[Path, ast.Module],
) -> None:
    for path, tree in trees.items():
        used = {
            call.func.attr
            for call in calls(tree)
            if isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id == "hashlib"
        }
        assert used <= HASHES, module_id(path)
        assert "random" not in imported(tree), module_id(path)


def test_a_script_makes_markup_of_nothing_that_it_was_sent() -> None:
    markup = r"\beval\(|new Function|document\.write|insertAdjacentHTML|outerHTML"
    for path in SCRIPTS:
        text = path.read_text()
        assert not re.search(markup, text), module_id(path)
        for assigned in re.findall(r"innerHTML\s*=\s*(.+)", text):
            # Only our own drawings, chosen by a word.
            assert set(re.findall(r"\$\{(.*?)\}", assigned)) <= {"ICONS[line.verdict]"}, assigned


def test_no_template_turns_escaping_off() -> None:
    assert len(TEMPLATES) > 50
    for path in TEMPLATES:
        assert not re.search(r"\|\s*safe\b|autoescape", path.read_text()), module_id(path)
