from __future__ import annotations

import json
import shlex

from starlette.testclient import TestClient

from app.schemas.planning import Preferences
from app.services.patching import Patch
from app.web import forms
from app.web.calls import Call, calls_of


def call(name: str, patch: Patch) -> Call:
    request, preferences = forms.patched(forms.EXAMPLE, Preferences(), patch)
    (found,) = (c for c in calls_of(request, preferences, "http://here") if c.name == name)
    return found


def sent(curl: str) -> tuple[str, dict[str, object]]:
    """The address and the body of a curl command, read as a shell reads it."""
    words = shlex.split(curl.replace("\\\n", " "))
    return words[2], json.loads(words[words.index("--data") + 1])


def test_the_copied_call_is_answered_like_the_page(client: TestClient) -> None:
    found = call("recommendation", {"preferences": {"offload": "nvme"}})
    url, body = sent(found.curl)
    answer = client.post(url.removeprefix("http://here"), json=body).json()
    page = client.get("/?offload=nvme").text
    assert answer["headline"] in page


def test_a_quote_in_a_name_does_not_end_the_shells_string() -> None:
    patch = {"training": {"method": "lora", "lora": {"target_modules": ["q_proj'; rm -rf ~"]}}}
    _, body = sent(call("estimate", patch).curl)
    assert body["training"]["lora"]["target_modules"] == ["q_proj'; rm -rf ~"]  # type: ignore[index]


def test_the_python_is_python_and_holds_the_same_job() -> None:
    found = call("estimate", {"training": {"sequence_length": 4096}})
    compile(found.python, "call", "exec")
    _, body = sent(found.curl)
    assert json.loads(found.python.split('"""')[1]) == body


def test_a_bad_field_is_left_at_its_default_as_on_the_planner(client: TestClient) -> None:
    text = client.get("/explore/call?nodes=none&gpus_per_node=8").text
    assert "&#34;gpus_per_node&#34;: 8" in text
    assert "none" not in text.split("<code>")[1]
