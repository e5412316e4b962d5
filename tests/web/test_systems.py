from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import ADDRESS
from tests.factories import Json, new_hardware_profile, new_model_profile

HTMX = {"HX-Request": "true", "HX-Target": "section#answer"}
SMALL = "/systems?model=meta-llama/Llama-3.2-1B"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The product with nothing saved: for tests that only read."""
    folder = tmp_path_factory.mktemp("systems")
    app = create_app(Settings(database_url=f"sqlite:///{folder}/shardplan.db"))
    with TestClient(app, base_url=ADDRESS) as client:
        yield client


def page(client: TestClient, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response.text
    return response.text


def headline(text: str) -> str:
    found = re.search(r'<h2 id="headline"[^>]*>(.*?)</h2>', text, re.DOTALL)
    assert found
    return html.unescape(found[1])


def rows(text: str) -> list[str]:
    """The systems' names, in the page's order."""
    table = text.partition('class="listing stick found"')[2].partition("</table>")[0]
    return [
        html.unescape(name).strip() for name in re.findall(r'<th scope="row">\s*([^<]+)', table)
    ]


def planner_links(text: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="(/\?[^"]+)"', text)]


def message(text: str, name: str) -> str:
    found = re.search(rf'id="error-{name}"[^>]*>(.*?)</p>', text, re.DOTALL)
    assert found
    return html.unescape(re.sub("<[^>]+>", "", found[1])).strip()


def test_the_page_without_a_query_searches_for_the_worked_example(reader: TestClient) -> None:
    text = page(reader, "/systems")
    assert headline(text).endswith("systems can run it")
    assert len(rows(text)) == 20
    assert 'value="meta-llama/Llama-3.1-70B"' in text
    assert 'class="button primary update"' in text
    assert 'aria-current="page"><span>Find systems' in text


def test_the_page_shows_what_the_api_answers_in_the_same_order(reader: TestClient) -> None:
    text = page(reader, f"{SMALL}&max_nodes=2&every=true&activation_checkpointing=false")
    body = {
        "model": {"id": "meta-llama/Llama-3.2-1B"},
        "training": {"activation_checkpointing": False},
        "max_nodes": 2,
    }
    answer = reader.post("/api/v1/system-searches", json=body).json()
    assert rows(text) == [result["name"] for result in answer["results"]]
    assert f"{answer['candidates']:,} configurations looked at" in text
    for result in answer["results"]:
        assert f"{result['headroom_bytes'] / 2**30:+,.1f} GiB" in text


def test_each_gpu_is_listed_once_unless_every_count_is_asked_for(reader: TestClient) -> None:
    kinds = [name.rpartition("× ")[2] for name in rows(page(reader, SMALL))]
    assert len(kinds) == len(set(kinds))
    kinds = [name.rpartition("× ")[2] for name in rows(page(reader, f"{SMALL}&every=true"))]
    assert len(kinds) > len(set(kinds))


def test_plan_with_this_opens_the_planner_on_the_system_with_the_same_answer(
    reader: TestClient,
) -> None:
    body: Json = {"model": {"id": "meta-llama/Llama-3.1-70B"}, "max_nodes": 4, "one_per_gpu": True}
    results = reader.post("/api/v1/system-searches", json=body).json()["results"]
    links = planner_links(page(reader, "/systems"))
    for result, link in list(zip(results, links, strict=False))[::7]:
        query = dict(parse_qsl(urlsplit(link).query))
        assert query["gpu"] == result["hardware"]["gpu"]
        assert query["gpus_per_node"] == str(result["hardware"]["gpus_per_node"])
        assert query["nodes"] == str(result["hardware"]["nodes"])
        assert query["strategy"] == result["strategy"]
        text = page(reader, link)
        assert f"Fits with {result['strategy_title']}" in text
        assert f"{result['peak_bytes'] / 2**30:,.1f} GiB" in text


def test_checkpointing_that_a_system_needs_goes_with_its_link(reader: TestClient) -> None:
    text = page(reader, "/systems?activation_checkpointing=false&max_nodes=1")
    wanted = [dict(parse_qsl(urlsplit(link).query)) for link in planner_links(text)]
    assert {query["activation_checkpointing"] for query in wanted} == {"true", "false"}
    assert "With activation checkpointing." in text


def test_a_saved_system_is_listed_by_its_name_and_price(client: TestClient) -> None:
    profile = new_hardware_profile(name="Our <quad>", price_usd=1_234)
    saved = client.post("/api/v1/hardware-profiles", json=profile).json()
    text = page(client, SMALL)
    assert "Our <quad>" in rows(text)
    assert "Our <quad>" not in text
    assert "$1,234" in text
    assert any(f"hardware_profile={saved['id']}" in link for link in planner_links(text))


def test_a_saved_model_is_searched_for_and_kept_in_the_links(client: TestClient) -> None:
    saved = client.post("/api/v1/model-profiles", json=new_model_profile()).json()
    text = page(client, f"/systems?model_profile={saved['id']}")
    assert all(f"model_profile={saved['id']}" in link for link in planner_links(text))
    assert rows(text)


def test_a_system_can_be_saved_as_a_plan_at_once(client: TestClient) -> None:
    text = page(client, SMALL)
    query = re.search(r'action="/plans"><input type="hidden" name="query" value="([^"]+)"', text)
    assert query
    response = client.post("/plans", data={"query": html.unescape(query[1])})
    assert response.status_code == 200
    assert rows(text)[0] in html.unescape(response.text)


def test_htmx_gets_the_systems_and_what_changes_beside_them(reader: TestClient) -> None:
    response = reader.get(f"{SMALL}&max_nodes=2", headers=HTMX)
    assert response.status_code == 200
    assert "<html" not in response.text
    assert '<form id="job"' not in response.text
    assert 'id="headline"' in response.text
    assert "max_nodes=2" in response.headers["HX-Push-Url"]
    assert "HX-Request" in response.headers["Vary"]
    typing = reader.get(f"{SMALL}&max_nodes=2", headers=HTMX | {"X-Change": "typing"})
    assert "max_nodes=2" in typing.headers["HX-Replace-Url"]
    assert '"max_nodes": "2"' in typing.headers["HX-Trigger"]


def test_the_address_says_only_what_differs_and_brings_the_search_back(reader: TestClient) -> None:
    asked = f"{SMALL}&gpu_counts=1,8&max_price_usd=20k&vendor=nvidia&every=true&method=lora"
    pushed = reader.get(asked, headers=HTMX).headers["HX-Push-Url"]
    query = dict(parse_qsl(urlsplit(pushed).query))
    assert (query["gpu_counts"], query["max_price_usd"]) == ("1,8", "20,000")
    assert "max_nodes" not in query
    assert "gpu" not in query
    assert rows(page(reader, pushed)) == rows(page(reader, asked))


def test_a_planners_address_can_be_searched_for(reader: TestClient) -> None:
    query = "model=meta-llama/Llama-3.2-1B&gpu=t4&gpus_per_node=3&nodes=7&usable_memory_bytes=1"
    assert rows(page(reader, f"/systems?{query}")) == rows(page(reader, SMALL))


@pytest.mark.parametrize(
    ("query", "field", "remedy"),
    [
        ("max_nodes=999", "max_nodes", "128"),
        ("max_nodes=many", "max_nodes", "whole number"),
        ("max_price_usd=cheap", "max_price_usd", "whole number"),
        ("gpu_counts=", "gpu_counts", "1, 2, 4, 8"),
        ("gpu_counts=1,0", "gpu_counts", "at least 1"),
        ("vendor=acme", "vendor", "nvidia"),
        ("model=Llama-9", "model", "such as"),
        ("sequence_length=9999999", "sequence_length", "131,072"),
    ],
)
def test_a_bad_field_is_told_beside_it(
    reader: TestClient, query: str, field: str, remedy: str
) -> None:
    response = reader.get(f"/systems?{query}")
    assert response.status_code == 422
    assert remedy in message(response.text, field)
    fragment = reader.get(f"/systems?{query}", headers=HTMX)
    assert fragment.status_code == 422
    assert fragment.headers["HX-Reswap"] == "none"
    assert remedy in message(fragment.text, field)


def test_all_bad_fields_are_told_at_once(reader: TestClient) -> None:
    text = reader.get("/systems?max_nodes=999&sequence_length=9999999").text
    assert "128" in message(text, "max_nodes")
    assert "131,072" in message(text, "sequence_length")


def test_where_nothing_runs_the_nearest_is_named_and_offload_offered(reader: TestClient) -> None:
    text = page(reader, "/systems?model=deepseek-ai/DeepSeek-V3&max_nodes=1")
    assert headline(text).startswith("None of")
    assert "Closest:" in text
    offer = re.search(r'href="([^"]+)">Allow offload to host memory', text)
    assert offer
    assert "offload=cpu" in html.unescape(offer[1])
    assert rows(text) == []
    assert 'id="misses-title"' in text


def test_a_combination_that_exists_nowhere_says_why(reader: TestClient) -> None:
    text = page(reader, "/systems?precision=fp32&attention=flash_attention_2")
    assert "FlashAttention-2 has no fp32 kernels." in text


def test_a_budget_below_every_price_says_what_to_do(reader: TestClient) -> None:
    text = page(reader, "/systems?max_price_usd=1")
    assert headline(text) == "No system costs so little"
    assert "Raise the price limit" in text


def test_offload_says_what_it_takes_of_the_host(reader: TestClient) -> None:
    text = page(reader, "/systems?offload=nvme&max_nodes=1&host_memory_gib=2048")
    assert re.search(r"Takes [\d,]+ GiB of host memory per node\.", text)
    assert re.search(r"Takes [\d,]+ GiB of NVMe per node\.", text)


def test_more_systems_than_one_page_can_be_asked_for(reader: TestClient) -> None:
    text = page(reader, f"{SMALL}&every=true")
    more = re.search(r'href="([^"]+)">Show more systems', text)
    assert more
    assert len(rows(page(reader, html.unescape(more[1])))) == 200


def test_the_search_comes_as_a_table_of_the_same_systems(client: TestClient) -> None:
    query = "model=meta-llama/Llama-3.1-8B&max_nodes=1"
    file = client.get(f"/systems.csv?{query}")
    assert file.headers["content-disposition"] == 'attachment; filename="shardplan-systems.csv"'
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"), newline="")))
    page = client.get(f"/systems?{query}").text
    found = [row for row in rows if row["place"]]
    assert [row["place"] for row in found] == [str(n) for n in range(1, len(found) + 1)]
    assert "/systems.csv?model=meta-llama/Llama-3.1-8B" in page
    for row in found[:3]:
        assert int(row["usable_bytes"]) - int(row["peak_bytes"]) == int(row["headroom_bytes"])
        assert row["plan"].startswith("http://127.0.0.1/?model=")
        assert f"/compare/add?{row['plan'].partition('?')[2]}".replace("&", "&amp;") in page


def test_a_table_of_a_bad_search_leads_back_to_the_page(client: TestClient) -> None:
    answer = client.get("/systems.csv?max_nodes=many", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/systems?max_nodes=many")
