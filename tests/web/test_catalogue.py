from __future__ import annotations

import html
import re

import pytest
from starlette.testclient import TestClient

from app.catalog import load_catalog
from app.web.models import marked

HTMX = {"HX-Request": "true", "HX-Target": "div#results"}
CATALOG = load_catalog()


def listed(text: str) -> list[str]:
    """The addresses of the rows of a catalogue page, in their order."""
    table = text[text.index('<table class="listing stick') : text.index("</table>")]
    return re.findall(r'<th scope="row"><a href="([^"]+)"', table)


def test_every_model_is_listed_and_its_row_leads_to_its_page(client: TestClient) -> None:
    assert listed(client.get("/models").text) == [f"/models/{id_}" for id_ in CATALOG.models]


def test_every_gpu_is_listed_and_its_row_leads_to_its_page(client: TestClient) -> None:
    text = client.get("/gpus").text
    assert listed(text) == [f"/gpus/{id_}" for id_ in CATALOG.gpus]
    for link in re.findall(r'href="(/\?gpu=[^"]+)"', text)[:3]:
        assert client.get(html.unescape(link)).status_code == 200


def test_a_gpus_page_shows_every_fact_with_its_source(client: TestClient) -> None:
    for document in client.get("/api/v1/gpus").json()["items"]:
        text = html.unescape(client.get(f"/gpus/{document['id']}").text)
        for fact in document["facts"]:
            if fact["value"] is not None:
                assert fact["label"] in text
                assert fact["source"] in text
        for number in set(re.findall(r'href="#source-(\d+)"', text)):
            assert f'id="source-{number}"' in text


def test_a_models_page_shows_parts_that_add_up_layers_states_and_sources(
    client: TestClient,
) -> None:
    for entry in CATALOG.models.values():
        text = html.unescape(client.get(f"/models/{entry.id}").text)
        document = client.get(f"/api/v1/models/{entry.id}").json()
        assert sum(part["parameters"] for part in document["parts"]) == entry.verified_parameters
        places = [place for kind in document["layer_kinds"] for place in kind["places"]]
        assert sorted(places) == list(range(len(entry.spec.layers)))
        for count in (entry.verified_parameters, entry.verified_largest_layer):
            assert f"{count:,}" in text
        for part in document["parts"]:
            assert part["parameters"] > 0
            assert f"{part['parameters']:,}" in text
        for words in (entry.source, entry.transformers_class, entry.spec.model_type):
            assert words in text


def test_a_page_leads_to_the_runs_that_were_measured_on_its_row(client: TestClient) -> None:
    text = client.get("/gpus/h200-141-sxm").text
    links = re.findall(r'href="(/accuracy/runs/[^"]+)"', text)
    assert links
    assert client.get(links[0]).status_code == 200
    assert "Nothing has been measured" in client.get("/gpus/t4").text


def test_what_the_catalogue_does_not_have_has_no_page(client: TestClient) -> None:
    for path in ("/gpus/h1000", "/models/nobody/nothing"):
        response = client.get(path)
        assert response.status_code == 404
        assert "There is no" in response.text


def test_a_search_finds_entries_that_hold_all_its_words(client: TestClient) -> None:
    assert len(listed(client.get("/models?q=LLAMA 70b instruct").text)) == 1
    assert "No model of the catalogue is like that" in client.get("/models?q=<b>").text
    assert 0 < len(listed(client.get("/gpus?q=nvidia hopper").text)) < 49


def test_filters_leave_only_what_they_say(client: TestClient) -> None:
    amd = listed(client.get("/gpus?vendor=amd").text)
    assert {CATALOG.gpus[path.removeprefix("/gpus/")].vendor for path in amd} == {"amd"}
    large = listed(client.get("/gpus?memory=141&link=direct").text)
    entries = [CATALOG.gpus[path.removeprefix("/gpus/")] for path in large]
    assert entries
    assert all(entry.memory_gb >= 141 and entry.interconnect_gb_s for entry in entries)
    mixtures = listed(client.get("/models?kind=mixture&size=100-").text)
    found = [CATALOG.models[path.removeprefix("/models/")] for path in mixtures]
    assert found
    assert all(m.spec.is_mixture and m.verified_parameters >= 10**11 for m in found)


def test_a_filter_that_is_none_of_the_choices_leaves_everything(client: TestClient) -> None:
    assert len(listed(client.get("/gpus?vendor=acme&sort=nothing&memory=-1").text)) == 49


def test_a_column_sorts_both_ways_and_what_has_no_value_comes_last(client: TestClient) -> None:
    def prices(sort: str) -> list[int | None]:
        rows = listed(client.get(f"/gpus?sort={sort}").text)
        found = [CATALOG.gpus[path.removeprefix("/gpus/")].price for path in rows]
        return [price.low_cents if price else None for price in found]

    for sort, down in (("price", False), ("-price", True)):
        known = [cents for cents in prices(sort) if cents is not None]
        assert known == sorted(known, reverse=down)
        assert prices(sort)[len(known) :] == [None] * (49 - len(known))
    text = client.get("/gpus?sort=memory&vendor=amd").text
    assert 'aria-sort="descending"' in text
    assert 'href="/gpus?vendor=amd&amp;sort=-memory#results"' in text


def test_htmx_gets_the_results_alone(client: TestClient) -> None:
    text = client.get("/models?q=mixtral&sort=parameters", headers=HTMX).text
    assert "<h1>" not in text
    assert listed(text)
    assert '<input type="hidden" form="browse" name="sort" value="parameters">' in text


def test_the_picker_suggests_eight_models_and_a_way_out(client: TestClient) -> None:
    text = client.get("/models/options?q=l").text
    assert text.count('role="option"') == 9
    assert 'data-href="/models/import"' in text
    assert "<b>x" not in client.get("/models/options?q=<b>x").text


def test_the_picker_suggests_saved_models_by_their_names_before_the_catalogues(
    client: TestClient,
) -> None:
    config = {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 2, "vocab_size": 100}
    saved = client.post("/api/v1/model-profiles", json={"name": "Our <b>GPT", "config": config})
    assert saved.status_code == 201, saved.text
    text = client.get("/models/options?q=our").text
    option = text.index(f'data-profile="{saved.json()["id"]}"')
    assert "Our</mark> &lt;b&gt;GPT" in text
    assert option < text.index('id="option-paste"')
    assert "data-profile" not in client.get("/models/options?q=llama").text


def test_marks_surround_the_words_of_a_search_and_nothing_is_left_unescaped() -> None:
    assert marked("a/Llama-70B", "LLAMA 70") == "a/<mark>Llama</mark>-<mark>70</mark>B"
    assert marked("<i>.", ".") == "&lt;i&gt;<mark>.</mark>"
    assert marked("a&b", "") == "a&amp;b"


def test_a_system_that_is_sold_as_one_can_be_planned_with_and_saved(client: TestClient) -> None:
    text = html.unescape(client.get("/gpus/b200-180-sxm").text)
    assert "NVIDIA DGX B200" in text
    (plan,) = re.findall(r'href="(/\?gpu=b200-180-sxm&gpus_per_node=8&host[^"]+)"', text)[:1]
    assert client.get(plan).status_code == 200
    form = client.get("/hardware-profiles/new?system=dgx-b200").text
    assert 'value="NVIDIA DGX B200"' in form
    assert 'value="2,048"' in form


@pytest.mark.parametrize("path", ["/models", "/gpus"])
def test_saved_profiles_are_one_link_from_the_top(client: TestClient, path: str) -> None:
    text = client.get(path).text
    head = text[: text.index("<table")]
    assert 'href="#saved"' in head
    assert 'href="/profiles"' in head
    assert 'id="saved"' in text
