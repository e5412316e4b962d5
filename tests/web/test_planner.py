from __future__ import annotations

import html
import json
import re

import pytest
from starlette.testclient import TestClient

HTMX = {"HX-Request": "true", "HX-Target": "section#answer"}


def headline(text: str) -> str:
    found = re.search(r'<h2 id="headline"[^>]*>(.*?)</h2>', text, re.DOTALL)
    assert found
    return html.unescape(found[1])


def message(text: str, name: str) -> str:
    found = re.search(rf'id="error-{name}"[^>]*>(.*?)</p>', text, re.DOTALL)
    assert found
    return html.unescape(re.sub("<[^>]+>", "", found[1]))


def test_the_page_without_a_query_shows_the_worked_example_with_everything(
    client: TestClient,
) -> None:
    response = client.get("/")
    assert response.status_code == 200
    for part in ("headline", "chart-title", "why-title", "phases-title", "data-figure"):
        assert part in response.text
    assert "Llama-3.1-70B" in response.text
    assert response.text.count('class="bar"') >= 10
    assert 'class="button primary update"' in response.text


def test_the_page_shows_the_numbers_that_the_api_answers(client: TestClient) -> None:
    body = {
        "model": {"id": "meta-llama/Llama-3.1-8B"},
        "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 8, "host_memory_gib": 512},
        "training": {"method": "full", "sequence_length": 4096},
    }
    query = "/?model=meta-llama/Llama-3.1-8B&gpu=h100-80-sxm&gpus_per_node=8&sequence_length=4096"
    page = client.get(query).text
    estimates = client.post("/api/v1/estimates", json=body).json()["estimates"]
    peaks = [e["peak"]["allocated_bytes"] / 2**30 for e in estimates if e["peak"]]
    assert len(peaks) > 5
    for estimate in estimates:
        if estimate["peak"] and not estimate["strategy"].startswith("fsdp1"):
            assert f"{estimate['peak']['allocated_bytes'] / 2**30:,.1f} GiB" in page


def test_htmx_gets_the_answer_and_what_changes_beside_it(client: TestClient) -> None:
    response = client.get("/?sequence_length=4k", headers=HTMX)
    assert response.status_code == 200
    assert "<html" not in response.text
    assert '<form id="job"' not in response.text
    assert 'id="headline"' in response.text
    for name in ("scenario", "hint-gpu", "hint-model", "advanced-summary", "notice", "status"):
        assert f'id="{name}" hx-swap-oob="innerHTML"' in response.text
    assert f"<title>{html.escape(headline(response.text))}" in response.text


def test_an_applied_fix_brings_the_inputs_too(client: TestClient) -> None:
    headers = {"HX-Request": "true", "HX-Target": "div#planner"}
    response = client.get("/?method=lora", headers=headers)
    assert '<form id="job"' in response.text
    assert "<html" not in response.text


def test_going_back_gets_the_whole_page(client: TestClient) -> None:
    headers = {**HTMX, "HX-History-Restore-Request": "true"}
    response = client.get("/?method=lora", headers=headers)
    assert response.text.startswith("<!doctype html>")
    assert "HX-Push-Url" not in response.headers


def test_caches_tell_fragment_and_page_apart(client: TestClient) -> None:
    assert "HX-Request" in client.get("/").headers["Vary"]
    assert "HX-Request" in client.get("/", headers=HTMX).headers["Vary"]


def test_a_choice_is_a_step_in_history_and_typing_is_not(client: TestClient) -> None:
    choice = client.get("/?method=lora", headers={**HTMX, "X-Change": "choice"})
    typing = client.get("/?method=lora", headers={**HTMX, "X-Change": "typing"})
    address = choice.headers["HX-Push-Url"]
    assert typing.headers["HX-Replace-Url"] == address
    again = client.get(
        "/?method=lora", headers={**HTMX, "HX-Current-URL": f"http://testserver{address}"}
    )
    assert again.headers["HX-Replace-Url"] == address


def test_the_address_holds_the_whole_state(client: TestClient) -> None:
    address = client.get("/?sequence_length=1k&strategy=zero2", headers=HTMX).headers["HX-Push-Url"]
    assert "sequence_length=1024" in address
    assert "model=meta-llama/Llama-3.1-70B" in address
    assert "strategy=zero2" in address
    here, there = client.get("/?sequence_length=1k&strategy=zero2").text, client.get(address).text
    assert re.findall("<td.*?</td>", here) == re.findall("<td.*?</td>", there)


def test_numbers_come_back_as_they_should_read(client: TestClient) -> None:
    response = client.get("/?sequence_length=2k", headers=HTMX)
    values = json.loads(response.headers["HX-Trigger"])["shardplan:values"]["values"]
    assert values["sequence_length"] == "2,048"
    assert 'name="sequence_length" value="2,048"' in client.get("/?sequence_length=2k").text


def test_a_bad_field_is_told_beside_it_and_nothing_is_lost(client: TestClient) -> None:
    response = client.get("/?sequence_length=200000&nodes=2&method=lora")
    assert response.status_code == 422
    assert "131,072" in message(response.text, "sequence_length")
    assert 'name="sequence_length" value="200,000"' in response.text
    assert 'aria-invalid="true"' in response.text
    assert re.search('name="nodes" value="2"', response.text)
    assert "Showing the answer for sequence length 2,048" in response.text
    assert headline(response.text)


def test_htmx_keeps_the_last_valid_answer(client: TestClient) -> None:
    response = client.get("/?sequence_length=200000", headers=HTMX)
    assert response.status_code == 422
    assert response.headers["HX-Reswap"] == "none"
    assert response.headers["HX-Replace-Url"] == "/?sequence_length=200000"
    assert "131,072" in message(response.text, "sequence_length")
    assert 'id="headline"' not in response.text
    assert "last valid answer" in response.text


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ("model=meta-llama/Lama-3.1-70B", "model", "meta-llama/Llama-3.1-70B"),
        ("gpu=h100", "gpu", "h100-80-sxm"),
        ("gpus_per_node=0", "gpus_per_node", "1 or more"),
        ("micro_batch_size=lots", "micro_batch_size", "whole number"),
        ("model_profile=mp_0000000000000000", "model_profile", "mp_0000000000000000"),
        ("precision=fp13", "precision", "bf16_mixed"),
    ],
)
def test_each_error_stands_beside_its_field(
    client: TestClient, query: str, field: str, told: str
) -> None:
    response = client.get(f"/?{query}")
    assert response.status_code == 422
    assert told in message(response.text, field)
    assert headline(response.text)


def test_several_bad_fields_are_told_at_once(client: TestClient) -> None:
    text = client.get("/?nodes=0&micro_batch_size=no").text
    assert message(text, "nodes")
    text = client.get("/?sequence_length=no&micro_batch_size=no").text
    assert message(text, "sequence_length")
    assert message(text, "micro_batch_size")


def test_hostile_text_is_escaped_wherever_it_is_shown_again(client: TestClient) -> None:
    attack = "<script>alert(1)</script>"
    for name in ("model", "gpu", "sequence_length", "model_profile", "strategies", "strategy"):
        text = client.get("/", params={name: attack}).text
        assert attack not in text, name
    assert "&lt;script&gt;" in client.get("/", params={"model": attack}).text


def test_each_fix_leads_to_a_page_that_shows_its_verdict(client: TestClient) -> None:
    text = client.get("/").text
    links = [html.unescape(link) for link in re.findall(r'href="(/\?[^"]+)"[^>]*data-apply', text)]
    assert 1 <= len(links) <= 3
    for link in links:
        answer = client.get(link)
        assert answer.status_code == 200
        assert re.search('verdict-mark badge-(fits|tight)"', answer.text)


def test_choosing_a_strategy_shows_its_arithmetic(client: TestClient) -> None:
    text = client.get("/?strategy=zero2").text
    assert re.search('id="why-title">Why [^<]* GiB[?] ZeRO-2<', text)
    assert '<input type="hidden" name="strategy" value="zero2">' in text


def test_the_figure_is_json_that_cannot_end_its_script(client: TestClient) -> None:
    text = client.get("/").text
    found = re.search(r"data-figure>(.*?)</script>", text, re.DOTALL)
    assert found
    assert "<" not in found[1]
    assert len(json.loads(found[1])["data"]) == 7


def test_libraries_come_pinned_with_integrity(client: TestClient) -> None:
    text = client.get("/").text
    scripts = re.findall(r"<script[^>]*jsdelivr[^>]*>", text)
    assert len(scripts) == 2
    for script in scripts:
        assert re.search(r'src="https://cdn\.jsdelivr\.net/npm/[\w.-]+@\d+\.\d+\.\d+/', script)
        assert 'integrity="sha384-' in script
        assert 'crossorigin="anonymous"' in script


def test_every_file_that_the_page_asks_for_is_there(client: TestClient) -> None:
    for path in ("/", "/models", "/gpus", "/plans", "/nowhere"):
        text = client.get(path).text
        for address in re.findall(r'(?:src|href|data-local)="(/(?:static|vendor)/[^"]+)"', text):
            assert client.get(address).status_code == 200, address


def test_a_strategy_beyond_the_fold_is_shown_when_asked_for(client: TestClient) -> None:
    assert "FSDP1, full shard" not in client.get("/").text
    assert "FSDP1, full shard" in client.get("/?fsdp1=show").text
