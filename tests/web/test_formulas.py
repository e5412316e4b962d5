"""The page that says how it is calculated, and the document of the same."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from app.domain.formulas.registry import FORMULAS
from app.domain.strategies import STRATEGIES
from app.schemas.formulas import AliveIn, Appearance
from app.web.formulas import _place
from tests.web.test_catalogue import HTMX


def entries(text: str) -> list[str]:
    return re.findall(r'<article class="entry" id="(\w+)"', text)


def test_every_formula_has_an_entry_and_a_line_in_the_contents(client: TestClient) -> None:
    text = client.get("/formulas").text
    assert sorted(entries(text)) == sorted(FORMULAS)
    (contents,) = re.findall(r'<nav class="panel contents".*?</nav>', text, re.DOTALL)
    for name in FORMULAS:
        assert f'href="#{name}"' in contents


def test_an_entry_has_equation_values_source_and_evidence(client: TestClient) -> None:
    text = client.get("/formulas").text
    (entry,) = re.findall(
        r'<article class="entry" id="gathered_root">.*?</article>', text, re.DOTALL
    )
    formula = FORMULAS["gathered_root"]
    for said in (formula.label, formula.equation, formula.url, "bytes of a gathered element"):
        assert said in entry
    assert "1.051e9 × 2" in entry
    assert re.search(r"Derived; in \d+ of \d+ measured runs", entry)
    assert "PyTorch FSDP" in entry
    assert "DeepSpeed" not in entry


def test_a_search_finds_formulas_that_hold_all_its_words(client: TestClient) -> None:
    found = entries(client.get("/formulas?q=reduce-scatter FLAT").text)
    assert found == ["reduce_scatter_input"]
    assert entries(client.get("/formulas?q=zero_infinity max_live").text) == ["live_parameters"]
    nothing = client.get("/formulas?q=<b>").text
    assert entries(nothing) == []
    assert "No formula matches “&lt;b&gt;”" in nothing


def test_htmx_gets_the_entries_alone(client: TestClient) -> None:
    text = client.get("/formulas?q=buckets", headers=HTMX).text
    assert text.lstrip().startswith("<p class")
    assert entries(text)
    assert "What other calculators leave out" not in text


def test_links_from_what_is_left_out_lead_to_entries(client: TestClient) -> None:
    text = client.get("/formulas").text
    (section,) = re.findall(r'<section class="panel left-out".*?</section>', text, re.DOTALL)
    linked = re.findall(r'href="#(\w+)"', section)
    assert set(linked) <= set(entries(text))
    assert "loss_backward" in linked


def test_every_page_leads_to_it(client: TestClient) -> None:
    for path in ("/", "/models", "/plans", "/nowhere"):
        assert 'href="/formulas"' in client.get(path).text


def test_every_component_of_an_answer_leads_to_its_formula(client: TestClient) -> None:
    for strategy in STRATEGIES:
        text = client.get(f"/?nodes=2&gpus_per_node=8&strategy={strategy}").text
        tables = "".join(re.findall(r'<table class="arithmetic">.*?</table>', text, re.DOTALL))
        names = re.findall(r'<th scope="row"><span class="swatch.*?</th>', tables, re.DOTALL)
        links = [re.search(r'href="/formulas#(\w+)"', name) for name in names]
        assert names
        assert all(link and link[1] in FORMULAS for link in links), strategy


def test_the_api_lists_the_same_formulas(client: TestClient) -> None:
    answer = client.get("/api/v1/formulas")
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [item["id"] for item in items] == entries(client.get("/formulas").text)
    assert all(item["unit"] == "bytes" for item in items)


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        ([AliveIn("step", [])], "optimizer step"),
        ([AliveIn("backward", ["loss", "layers"])], "backward (loss; layers)"),
        (
            [AliveIn(p, []) for p in ("setup", "forward", "backward", "step", "resident")],
            "at all times",
        ),
    ],
)
def test_phases_read_as_words(phases: list[AliveIn], said: str) -> None:
    place = _place(Appearance("pytorch_ddp", ["ddp"], phases))
    assert (place.framework, place.strategies, place.phases) == ("PyTorch DDP", "DDP", said)
