from __future__ import annotations

import html
import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.testclient import TestClient

from app.web import forms

JOB = "model=meta-llama/Llama-3.1-8B&gpu=h100-80-sxm&gpus_per_node=8&strategy=zero3"
FRAGMENT = {"HX-Request": "true"}


def rows(text: str, table: str) -> list[str]:
    body = re.search(rf'class="{table}".*?</table>', text, re.DOTALL)
    assert body is not None
    return re.findall(r"<tr.*?</tr>", body[0], re.DOTALL)


def links(text: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="(/\?[^"]+)"', text)]


def differences(address: str) -> dict[str, str]:
    """What an address changes of the job."""
    before = forms.read(parse_qsl(JOB)).values
    after = forms.read(parse_qsl(urlsplit(address).query)).values
    return {name: text for name, text in after.items() if text != before[name]}


@pytest.mark.parametrize("kind", ["settings", "batch"])
def test_each_is_a_page_and_a_fragment_of_it(client: TestClient, kind: str) -> None:
    page = client.get(f"/explore/{kind}?{JOB}")
    fragment = client.get(f"/explore/{kind}?{JOB}", headers=FRAGMENT)
    assert page.status_code == fragment.status_code == 200
    assert "<!doctype html>" in page.text
    assert "<html" not in fragment.text
    assert "hx-get" not in page.text.split("<main")[1]
    assert "data-apply" in fragment.text


def test_every_setting_leads_to_the_job_with_that_one_change(client: TestClient) -> None:
    found = rows(client.get(f"/explore/settings?{JOB}").text, "effects")[2:]
    assert len(found) > 8
    for row in found:
        (link,) = links(row)
        assert len(differences(link)) == 1
        assert "strategy=zero3" in link


def test_the_difference_is_said_with_its_sign_and_the_verdict_with_its_word(
    client: TestClient,
) -> None:
    found = rows(client.get(f"/explore/settings?{JOB}").text, "effects")
    longer = next(row for row in found if "2,048 → 4,096" in row)
    saving = next(row for row in found if "k-less" in row)
    assert re.search(r'class="num over">\+\d', longer)
    assert re.search(r'class="num less">−\d', saving)
    assert all("badge-" in row for row in found[1:])


def test_the_grid_marks_the_jobs_own_cell_and_the_edge(client: TestClient) -> None:
    text = client.get(f"/explore/batch?{JOB}&micro_batch_size=2").text
    assert len(re.findall(r'aria-current="true"', text)) == 1
    assert "edge-right" in text
    cells = [link for link in links(text) if "micro_batch_size=64" in link]
    assert any(differences(link).get("sequence_length") == "131,072" for link in cells)


def test_the_edge_agrees_with_the_planners_largest_micro_batch(client: TestClient) -> None:
    text = client.get(f"/explore/batch?{JOB}").text
    foot = re.findall(r'<td class="num">([^<]+)</td>', text.split("<tfoot>")[1])
    head = re.findall(r'<th scope="col" class="num">([^<]+)</th>', text)
    largest = dict(zip(head, foot, strict=True))["2,048"]
    body = {
        "model": {"id": "meta-llama/Llama-3.1-8B"},
        "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 8},
        "strategies": ["zero3"],
    }
    (estimate,) = client.post("/api/v1/estimates", json=body).json()["estimates"]
    assert int(largest.replace(",", "")) == estimate["max_micro_batch_size"]


@pytest.mark.parametrize("kind", ["settings", "batch"])
def test_a_job_without_an_answer_leads_to_the_planner_and_keeps_a_fragment(
    client: TestClient, kind: str
) -> None:
    bad = f"/explore/{kind}?nodes=0"
    back = client.get(bad, follow_redirects=False)
    assert (back.status_code, back.headers["location"]) == (303, "/?nodes=0")
    assert client.get(bad, headers=FRAGMENT).status_code == 204


@pytest.mark.parametrize("kind", ["settings", "batch"])
def test_a_strategy_that_cannot_run_the_job_is_told_so(client: TestClient, kind: str) -> None:
    text = client.get(f"/explore/{kind}?{JOB.replace('zero3', 'fsdp2_hybrid')}").text
    assert "cannot run the job" in text
