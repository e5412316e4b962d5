from __future__ import annotations

import html
import json
import re

import pytest
from starlette.testclient import TestClient

from app.domain.errors import FieldError, InvalidInput
from app.services.planning import Planner

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


def test_the_first_paint_waits_for_a_part_that_every_page_has(client: TestClient) -> None:
    for query in ("", "?nodes=0", "?model=nobody/nothing"):
        text = client.get(f"/{query}").text
        (awaited,) = re.findall(r'<link rel="expect" href="#([^"]+)" blocking="render">', text)
        assert f'id="{awaited}"' in text


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
        "/?method=lora", headers={**HTMX, "HX-Current-URL": f"http://127.0.0.1{address}"}
    )
    assert again.headers["HX-Replace-Url"] == address


def test_the_address_holds_the_whole_state(client: TestClient) -> None:
    address = client.get("/?sequence_length=1k&strategy=zero2", headers=HTMX).headers["HX-Push-Url"]
    assert "sequence_length=1024" in address
    assert "model=meta-llama/Llama-3.1-70B" in address
    assert "strategy=zero2" in address
    here, there = client.get("/?sequence_length=1k&strategy=zero2").text, client.get(address).text
    assert re.findall("<td.*?</td>", here) == re.findall("<td.*?</td>", there)


def test_the_training_loop_is_a_field_whose_choice_counts(client: TestClient) -> None:
    query = "model=meta-llama/Llama-3.1-8B&gpu=h100-80-sxm&gpus_per_node=8&strategy=fsdp2"
    query += "&gradient_accumulation_steps=4"
    plain, trainer = (client.get(f"/?{query}{more}") for more in ("", "&training_loop=hf_trainer"))
    assert '<option value="pytorch" selected>Plain PyTorch</option>' in plain.text
    assert "Hugging Face Trainer: only the last micro-batch" not in plain.text
    assert '<option value="hf_trainer" selected>Hugging Face Trainer</option>' in trainer.text
    assert "Hugging Face Trainer: only the last micro-batch" in trainer.text
    address = client.get(f"/?{query}&training_loop=hf_trainer", headers=HTMX).headers["HX-Push-Url"]
    assert "training_loop=hf_trainer" in address


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
    assert not {"HX-Replace-Url", "HX-Push-Url"} & set(response.headers)
    assert "131,072" in message(response.text, "sequence_length")
    assert 'id="headline"' not in response.text
    assert "last valid answer" in response.text


def test_the_notice_names_the_value_whose_answer_stays(client: TestClient) -> None:
    here = {**HTMX, "HX-Current-URL": "http://127.0.0.1/?sequence_length=4096&nodes=2"}
    response = client.get("/?sequence_length=200000&nodes=0", headers=here)
    assert "Showing the last valid answer (4,096 tokens, nodes 2)" in response.text
    response = client.get("/?sequence_length=200000&nodes=2", headers=here)
    assert "Showing the last valid answer (4,096 tokens)" in response.text


def test_errors_that_only_the_domain_sees_are_told_beside_unreadable_ones(
    client: TestClient,
) -> None:
    text = client.get("/?nodes=none&sequence_length=200000").text
    assert message(text, "nodes")
    assert "131,072" in message(text, "sequence_length")
    assert headline(text)


def test_a_sequence_length_left_out_is_at_most_what_the_model_takes(client: TestClient) -> None:
    response = client.get("/?model=openai-community/gpt2")
    assert response.status_code == 200
    assert 'name="sequence_length" value="1,024"' in response.text
    assert "1,024 tokens" in response.text
    assert client.get("/?model=openai-community/gpt2&sequence_length=2048").status_code == 422


def test_a_page_without_an_answer_says_why_leads_to_the_field_and_saves_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InvalidInput(FieldError("/training/precision", "Nothing here takes bf16."))

    monkeypatch.setattr(Planner, "plan", refuse)
    response = client.get("/")
    assert response.status_code == 422
    assert '<a href="#f-precision">Precision</a>: Nothing here takes bf16.' in response.text
    assert 'id="f-precision"' in response.text
    assert 'action="/plans"' not in response.text
    assert 'form="share"' not in response.text


def profile(client: TestClient, kind: str, **body: object) -> str:
    response = client.post(f"/api/v1/{kind}-profiles", json=body)
    assert response.status_code == 201
    return str(response.json()["id"])


def test_a_saved_system_shows_its_own_facts_instead_of_fields(client: TestClient) -> None:
    box = profile(client, "hardware", name="Lab <box>", gpu="h100-80-sxm", gpus_per_node=2, nodes=3)
    text = client.get(f"/?hardware_profile={box}&method=lora").text
    line = re.search(r'id="saved-hardware">(.*?)</div>', text, re.DOTALL)
    assert line
    assert "<strong>Lab &lt;box&gt;</strong></a> (3 nodes of 2 × H100" in line[1]
    for name in ("gpu", "gpus_per_node", "nodes", "host_memory_gib", "usable_memory_bytes"):
        assert f'name="{name}"' not in text
    assert f'<input type="hidden" name="hardware_profile" value="{box}">' in text
    capacity = client.get("/?gpu=h100-80-sxm").text
    hint = r'id="hint-gpu">([^<]+)<'
    assert re.findall(hint, text) == re.findall(hint, capacity)
    change = re.search(r'id="f-hardware_profile" href="([^"]+)"', text)
    assert change
    fields = client.get(html.unescape(change[1])).text
    assert re.search('name="gpus_per_node" value="2"', fields)
    assert re.search('name="nodes" value="3"', fields)
    assert re.search('<option value="h100-80-sxm" selected', fields)
    assert re.search('name="method" value="lora" checked', fields)


def test_a_saved_model_shows_its_name_instead_of_the_field(client: TestClient) -> None:
    ours = profile(client, "model", name="Our own", base="meta-llama/Llama-3.2-1B")
    text = client.get(f"/?model_profile={ours}").text
    assert "<strong>Our own</strong></a> (meta-llama/Llama-3.2-1B)" in text
    assert 'name="model"' not in text
    change = re.search(r'id="f-model_profile" href="([^"]+)"', text)
    assert change
    assert "model=meta-llama/Llama-3.2-1B" in html.unescape(change[1])


def test_choosing_a_profile_replaces_the_fields_that_it_stands_for(client: TestClient) -> None:
    box = profile(client, "hardware", name="Lab box", gpu="h100-80-sxm")
    response = client.get(f"/?gpu=l40s-48&hardware_profile={box}", headers=HTMX)
    assert response.headers["HX-Retarget"] == "#planner"
    assert '<form id="job"' in response.text
    assert "gpu=l40s" not in response.headers["HX-Push-Url"]
    after = client.get(f"/?hardware_profile={box}&nodes=2", headers=HTMX)
    assert "HX-Retarget" not in after.headers
    assert 'id="saved-hardware" hx-swap-oob="innerHTML"' in after.text


@pytest.mark.parametrize("kind", ["model", "hardware"])
def test_a_deleted_profile_is_said_to_be_gone_and_the_example_cannot_be_saved(
    client: TestClient, kind: str
) -> None:
    word = {"model": "saved model", "hardware": "saved system"}[kind]
    text = client.get(f"/?{kind}_profile={kind[0]}w_0000000000000000").text
    assert f"This {word} was deleted; the example is shown." in text
    assert headline(text)
    assert 'action="/plans"' not in text


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
    links = [
        html.unescape(link) for link in re.findall(r'href="(/\?[^"]+)" aria-label="Apply', text)
    ]
    assert 1 <= len(links) <= 10
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
    assert 'id="strategy-fsdp1"' not in client.get("/").text
    assert 'id="strategy-fsdp1"' in client.get("/?fsdp1=show").text
