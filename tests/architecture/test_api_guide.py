"""The examples of docs/api.md, run in their order against the running product."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.architecture.repository import ROOT

ADDRESS = "http://127.0.0.1:8000"
EXAMPLES = re.findall(
    r"^```(sh|python)\n(.*?)^```", (ROOT / "docs/api.md").read_text(), re.DOTALL | re.MULTILINE
)
COMMANDS = [text for language, text in EXAMPLES if language == "sh"]
SCRIPT = "".join(text for language, text in EXAMPLES if language == "python")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    database = tmp_path_factory.mktemp("guide") / "shardplan.db"
    app = create_app(Settings(database_url=f"sqlite:///{database}"))
    with TestClient(app, base_url=ADDRESS) as client:
        yield client


def test_the_guide_has_examples_of_both_kinds() -> None:
    assert len(COMMANDS) >= 5
    assert SCRIPT.count("shardplan.") >= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_every_curl_command_of_the_guide_is_answered(command: str, client: TestClient) -> None:
    words = iter(shlex.split(command.replace("\\\n", " ")))
    headers: dict[str, str] = {}
    address = body = ""
    for word in words:
        if word == "--header":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "--data":
            body = next(words)
        elif word.startswith(ADDRESS):
            address = word.removeprefix(ADDRESS)
        else:
            assert word in {"curl", "--silent"}

    answer = client.post(address, content=body, headers=headers)

    assert answer.is_success, answer.text


def test_the_python_of_the_guide_runs_from_top_to_bottom(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def connect(base_url: str) -> TestClient:
        assert base_url == ADDRESS
        return client

    names: dict[str, Any] = {}
    monkeypatch.setattr(httpx, "Client", connect)
    exec(compile(SCRIPT, "docs/api.md", "exec"), names)

    printed = capsys.readouterr().out
    assert "Quote 4712, final" in printed
    assert "/model/id" in printed
    assert len(names["found"]["results"]) == 3
