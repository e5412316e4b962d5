"""The locks pin what pyproject.toml asks for, with hashes, and say nothing about any server."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.architecture.repository import ROOT

LOCKS = ["runtime", "dev", "conformance"]
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+?)(?: ; (?P<marker>.+?))? \\$")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ASKED = {
    "runtime": PYPROJECT["project"]["dependencies"],
    "dev": PYPROJECT["project"]["dependencies"] + PYPROJECT["dependency-groups"]["dev"],
    "conformance": PYPROJECT["dependency-groups"]["conformance"],
}


def lock_lines(lock: str) -> list[str]:
    return (ROOT / "requirements" / f"{lock}.txt").read_text().splitlines()


def pins(lock: str) -> dict[str, list[tuple[str, str | None]]]:
    """Canonical name → [(version, marker)]; a package may have one pin for each Python."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    for line in lock_lines(lock):
        if match := PIN.match(line):
            name = canonicalize_name(match["name"])
            found.setdefault(name, []).append((match["version"], match["marker"]))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_that_is_asked_for_is_pinned_to_a_version_that_satisfies_it(
    lock: str,
) -> None:
    pinned = pins(lock)
    for line in ASKED[lock]:
        requirement = Requirement(line)
        versions = pinned.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is not in {lock}.txt: run `make lock`"
        for version, _ in versions:
            assert requirement.specifier.contains(Version(version)), f"{line}: pinned to {version}"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_pin_or_a_hash_and_every_pin_has_a_hash(lock: str) -> None:
    previous_is_pin = False
    for line in lock_lines(lock):
        is_hash = re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?", line) is not None
        assert is_hash or PIN.match(line), f"neither a pin nor a hash: {line}"
        assert is_hash or not previous_is_pin, f"the pin before {line} has no hash"
        previous_is_pin = not is_hash
    assert not previous_is_pin


def test_development_runs_on_exactly_the_versions_that_production_runs_on() -> None:
    dev = pins("dev")
    assert {name: dev.get(name) for name in pins("runtime")} == pins("runtime")


def test_one_pin_holds_for_each_python_that_is_supported() -> None:
    for python in ("3.11", "3.12", "3.13", "3.14"):
        environment = {"python_full_version": f"{python}.0", "python_version": python}
        for name, versions in pins("dev").items():
            chosen = [
                v for v, marker in versions if not marker or Marker(marker).evaluate(environment)
            ]
            assert len(chosen) <= 1, f"{name} has two pins for Python {python}: {chosen}"


def npm_lock() -> dict[str, dict[str, str]]:
    document = json.loads((ROOT / "package-lock.json").read_text())
    assert document["lockfileVersion"] == 3
    packages: dict[str, dict[str, str]] = document["packages"]
    return packages


def test_the_browser_libraries_are_exact_versions() -> None:
    manifest = json.loads((ROOT / "package.json").read_text())
    root = npm_lock()[""]
    assert root["dependencies"] == manifest["dependencies"]
    for name, version in manifest["dependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), f"{name} {version} is a range"
        assert npm_lock()[f"node_modules/{name}"]["version"] == version


def test_the_browser_libraries_lock_has_hashes_and_no_download_address() -> None:
    for path, package in npm_lock().items():
        assert "resolved" not in package, f"{path} names where it was downloaded from"
        assert path == "" or package["integrity"].startswith("sha512-")
