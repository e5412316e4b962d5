from __future__ import annotations

import html
import json
import re

import pytest
from starlette.testclient import TestClient

from app.web.catalogue import marked
from tests.factories import LLAMA_CONFIG

HTMX = {"HX-Request": "true", "HX-Target": "section#results"}


def rows(text: str) -> int:
    table = re.search(r'<section class="panel results".*?</section>', text, re.DOTALL)
    assert table
    return table[0].count('<th scope="row">')


def test_every_model_is_listed_with_its_source_and_a_way_to_plan_with_it(
    client: TestClient,
) -> None:
    text = client.get("/models").text
    assert rows(text) == 77
    for link in re.findall(r'href="(/\?model=[^"]+)"', text)[:3]:
        assert client.get(html.unescape(link)).status_code == 200
    assert "LlamaForCausalLM" in text


def test_every_gpu_is_listed_with_its_source_and_a_way_to_plan_with_it(client: TestClient) -> None:
    text = client.get("/gpus").text
    assert rows(text) == 49
    assert text.count("Confidence ") == 49
    for link in re.findall(r'href="(/\?gpu=[^"]+)"', text)[:3]:
        assert client.get(html.unescape(link)).status_code == 200


def test_a_search_finds_entries_that_hold_all_its_words(client: TestClient) -> None:
    assert rows(client.get("/models?q=LLAMA 70b instruct").text) == 1
    assert "No model of the catalogue matches “&lt;b&gt;”" in client.get("/models?q=<b>").text
    assert 0 < rows(client.get("/gpus?q=nvidia hopper").text) < 49


def test_htmx_gets_the_results_alone(client: TestClient) -> None:
    text = client.get("/models?q=mixtral", headers=HTMX).text
    assert text.lstrip().startswith("<p class")
    assert "Save a model" not in text


def test_the_picker_suggests_eight_models_and_a_way_out(client: TestClient) -> None:
    text = client.get("/models/options?q=l").text
    assert text.count('role="option"') == 9
    assert 'data-href="/models#add"' in text
    assert "<b>x" not in client.get("/models/options?q=<b>x").text


def test_marks_surround_the_words_of_a_search_and_nothing_is_left_unescaped() -> None:
    assert marked("a/Llama-70B", "LLAMA 70") == "a/<mark>Llama</mark>-<mark>70</mark>B"
    assert marked("<i>.", ".") == "&lt;i&gt;<mark>.</mark>"
    assert marked("a&b", "") == "a&amp;b"


def test_a_model_is_saved_from_a_pasted_config_and_can_be_planned_with(client: TestClient) -> None:
    form = {"name": "Ours <i>", "config": json.dumps(LLAMA_CONFIG)}
    text = client.post("/models", data=form).text
    assert "Ours &lt;i&gt;" in text
    found = re.search(r'href="(/\?model_profile=[^"]+)"', text)
    assert found
    plan = client.get(found[1])
    assert plan.status_code == 200
    assert "Ours &lt;i&gt;" in plan.text


def test_a_bad_config_is_told_beside_it_and_kept(client: TestClient) -> None:
    for config, told in (
        ("{oops", "not JSON"),
        ("[1]", "from { to }"),
        ("", "Paste a config.json"),
        ('{"model_type": "llama"}', "hidden_size"),
    ):
        response = client.post("/models", data={"name": "Kept", "config": config})
        assert response.status_code == 422
        found = re.search(r'id="p-error-config">(.*?)</p>', response.text, re.DOTALL)
        assert found
        assert told in html.unescape(found[1])
        assert html.escape(config) in response.text.replace("&#34;", "&quot;")
        assert 'value="Kept"' in response.text


def test_a_system_is_saved_planned_with_and_deleted(client: TestClient) -> None:
    form = {"name": "Box", "gpu": "h100-80-sxm", "gpus_per_node": "2", "price_usd": "$52,000"}
    text = client.post("/gpus", data=form).text
    assert "$52,000" in text
    found = re.search(r'href="(/\?hardware_profile=([^"]+))"', text)
    assert found
    assert "2 × H100" in client.get(found[1]).text
    client.post(f"/gpus/{found[2]}/delete", data={"version": "1"})
    assert "No system is saved yet." in client.get("/gpus").text


def test_every_bad_number_of_a_system_is_told_at_once(client: TestClient) -> None:
    form = {"name": "Box", "gpu": "h100-80-sxm", "nodes": "x", "nvme_gib": "?", "price_usd": "dear"}
    response = client.post("/gpus", data=form)
    assert response.status_code == 422
    for name in ("nodes", "nvme_gib", "price_usd"):
        assert re.search(rf'id="p-error-{name}"><svg', response.text), name
    assert 'value="dear"' in response.text


def test_a_saved_model_is_deleted_in_the_version_that_was_seen(client: TestClient) -> None:
    form = {"name": "Mine", "base": "meta-llama/Llama-3.2-1B"}
    text = client.post("/models", data=form).text
    found = re.search(r'action="(/models/[^"]+/delete)"', text)
    assert found
    assert client.post(found[1], data={"version": "9"}).status_code == 412
    assert "Mine" not in client.post(found[1], data={"version": "1"}).text


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("[" * 100_000, "Nest at most"),
        ('{"a":' * 500 + "1" + "}" * 500, "Nest at most"),
        ('{"x": "\\ud800"}', "x: Use complete characters"),
        ('{"hidden_size": NaN}', "hidden_size: Use a finite number."),
        ('{"hidden_size": -Infinity}', "hidden_size: Use a finite number."),
        ("1" * 5_000, "numbers of reasonable length"),
    ],
)
def test_a_pasted_config_is_held_to_what_the_api_takes(
    client: TestClient, config: str, told: str
) -> None:
    response = client.post("/models", data={"name": "Mine", "config": config})
    assert response.status_code == 422
    found = re.search(r'id="p-error-config">(.*?)</p>', response.text, re.DOTALL)
    assert found
    assert told in found[1]


@pytest.mark.parametrize("version", ["99999999999999999999", "0", "-1", "x", ""])
@pytest.mark.parametrize("kind", ["plans/pl_", "models/mp_", "gpus/hw_"])
def test_a_version_that_none_can_have_needs_a_correction(
    client: TestClient, kind: str, version: str
) -> None:
    path = f"/{kind}0123456789abcdef/delete"
    assert client.post(path, data={"version": version}).status_code == 422


@pytest.mark.parametrize("path", ["/models", "/gpus"])
def test_saved_profiles_are_one_link_from_the_top(client: TestClient, path: str) -> None:
    text = client.get(path).text
    head = text[: text.index("<table")]
    for target in ("saved", "add"):
        assert f'href="#{target}"' in head
        assert f'id="{target}"' in text
