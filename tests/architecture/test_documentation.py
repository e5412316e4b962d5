"""Documentation that cannot lie: what it names exists, and what exists is named."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.architecture.repository import ROOT, module_id, tracked_files

PAGES = [path for path in tracked_files() if path.suffix == ".md"]
OPERATING = ROOT / "docs" / "operating.md"
README = ROOT / "README.md"
CONFIGURED = [*PAGES, ROOT / "Makefile", ROOT / "Dockerfile", ROOT / "docker-compose.yml"]

# Read by the test suite and not by the product.
TEST_SETTINGS = {"SHARDPLAN_TEST_REQUIRE_ALL", "SHARDPLAN_TEST_SOAK"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    database = tmp_path_factory.mktemp("documented") / "shardplan.db"
    app = create_app(Settings(database_url=f"sqlite:///{database}"))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


def settings() -> dict[str, tuple[str, str | None]]:
    """Environment variable → (default as one would write it, description)."""
    return {
        str(field.validation_alias or f"SHARDPLAN_{name.upper()}"): (
            str(field.default).lower() if isinstance(field.default, bool) else str(field.default),
            field.description,
        )
        for name, field in Settings.model_fields.items()
    }


def code_blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)


def test_the_settings_table_is_what_the_settings_are() -> None:
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| `(.*?)` \| (.+) \|$", OPERATING.read_text(), re.MULTILINE
    )
    assert {name: (default, text) for name, default, text in rows} == settings()


@pytest.mark.parametrize("page", CONFIGURED, ids=module_id)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"\bSHARDPLAN_[A-Z_]+\b", page.read_text()))
    assert named <= settings().keys() | TEST_SETTINGS


def test_make_help_lists_every_target_that_is_meant_for_people() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    listing = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert [line.split()[:2] for line in listing] == [["make", target] for target in phony.split()]
    assert all(len(line.split()) > 2 for line in listing)


@pytest.mark.parametrize("page", PAGES, ids=module_id)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^|&& )make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=module_id)
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=module_id)
def test_every_address_that_is_named_is_served(page: Path, client: TestClient) -> None:
    api = client.get("/openapi.json").json()["paths"]
    for path in re.findall(r"`(?:GET )?(/[\w./-]*)`", page.read_text()):
        is_prefix = any(route.startswith(f"{path}/") for route in api)
        status = client.get(path).status_code
        assert is_prefix or status in {200, 405}, f"{path} answers {status}"


@pytest.mark.parametrize("page", PAGES, ids=module_id)
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = set(
        re.findall(r"`((?:app|docs|tests|static|templates|benchmarks)/[\w./-]+)`", page.read_text())
    )
    generated = {"static/vendor"}
    assert {name for name in named - generated if not (ROOT / name).exists()} == set()


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in listed] == list(range(1, len(listed) + 1))


def test_the_example_request_gives_the_answer_that_is_shown(client: TestClient) -> None:
    (command,) = (block for block in code_blocks(README, "sh") if block.startswith("curl "))
    (shown,) = code_blocks(README, "json")
    words = shlex.split(command.replace("\\\n", " "))
    (address,) = (word for word in words if word.startswith("http"))

    answer = client.post(
        address.removeprefix("http://127.0.0.1:8000"),
        content=words[words.index("--data") + 1],
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 200, answer.text
    assert_shortened(json.loads(shown), answer.json())


def assert_shortened(shown: Any, real: Any, at: str = "") -> None:
    """What is shown may leave fields and list ends out; what is there must be true."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            assert key in real, f"the answer has no {at}/{key}"
            assert_shortened(value, real[key], f"{at}/{key}")
    elif isinstance(shown, list):
        assert len(shown) <= len(real), at
        for index, (value, its_real) in enumerate(zip(shown, real, strict=False)):
            assert_shortened(value, its_real, f"{at}/{index}")
    else:
        assert shown == real, f"{at} is {real!r} now: update the README"
