"""The product depends on what it imports, on a few things that it loads by name, and no more."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.repository import ROOT, python_modules

# What runs where the training frameworks are installed, beside the product's own environment.
ELSEWHERE = (ROOT / "benchmarks" / "measure", ROOT / "tests" / "conformance")

LOADED_BY_NAME = {
    "brotli": "what fontTools reads WOFF2 files with",
    "httptools": "uvicorn's HTTP parser",
    "jinja2": "what the fragments' renderer renders with",
    "plotly": "the local copy of plotly.js, found among its files",
    "psycopg": "the driver that a PostgreSQL URL names",
    "redis": "what the limits are shared through between replicas",
    "python-multipart": "what reads the forms of pages",
    "uharfbuzz": "what fpdf2 joins and turns letters with",
    "uvloop": "uvicorn's event loop",
}

# What the harness imports, where the distribution is called otherwise.
MEASURING_NAMES = {"pynvml": "nvidia-ml-py"}
MEASURING_LOADED_BY_NAME = {"liger-kernel": "transformers, for the fused loss"}

# Released with the package that they belong to, and pinned by it.
PARTS = {"markupsafe": "jinja2", "pydantic-core": "pydantic"}


def third_party(paths: Iterable[Path]) -> set[str]:
    """The names of the top-level modules from elsewhere that these files import."""
    tops = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                tops |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                tops.add((node.module or "").partition(".")[0])
    return tops - sys.stdlib_module_names - {"app", "benchmarks", "tests", "conftest"}


def modules(*packages: str) -> list[Path]:
    """The modules of our packages that run wherever the product is developed."""
    paths = (path for package in packages for path in python_modules(package))
    return [path for path in paths if not any(map(path.is_relative_to, ELSEWHERE))]


def imported(*packages: str) -> set[str]:
    """The distributions that the modules of our packages import, by canonical name."""
    providers = packages_distributions()
    tops = third_party(modules(*packages))
    names: set[str] = {canonicalize_name(name) for top in tops for name in providers[top]}
    return names - PARTS.keys()


def asked_for(group: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = {"runtime": project["project"]["dependencies"], **project["dependency-groups"]}[group]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def test_the_product_depends_on_exactly_what_it_uses() -> None:
    assert asked_for("runtime") == imported("app", "migrations") | LOADED_BY_NAME.keys()


def test_tests_and_benchmarks_import_only_what_is_locked_for_them() -> None:
    used = imported("tests", "benchmarks") - asked_for("runtime")
    assert used <= asked_for("dev")


def test_the_measuring_harness_asks_for_exactly_what_it_uses_beyond_the_product() -> None:
    tops = third_party(python_modules("benchmarks/measure"))
    used = {canonicalize_name(MEASURING_NAMES.get(top, top)) for top in tops}
    assert used - asked_for("runtime") | MEASURING_LOADED_BY_NAME.keys() == asked_for("measure")
