from __future__ import annotations

import html
import json
import re
import sqlite3
from datetime import UTC, datetime, tzinfo

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.domain.strategies import STRATEGIES

ATTACK = '"><script>alert(1)</script>'
QUERY = "model=meta-llama/Llama-3.2-1B&gpu=h100-80-sxm&gpus_per_node=2&sequence_length=512"


def saved(client: TestClient, name: str = "Quote", query: str = QUERY) -> str:
    """The path of a new plan."""
    form = {"name": name, "query": query}
    response = client.post("/plans", data=form, follow_redirects=False)
    assert response.status_code == 303
    return str(response.headers["Location"])


def shared(client: TestClient, path: str, days: str = "90") -> str:
    """The address of a new link to a plan."""
    response = client.post(f"{path}/shares", data={"expires_in_days": days})
    assert response.status_code == 200
    assert response.url.path == path
    assert response.headers["Cache-Control"] == "no-store"
    found = re.search(r'id="share-link" readonly value="([^"]+)"', response.text)
    assert found
    return html.unescape(found[1])


def cells(text: str) -> list[str]:
    return re.findall(r"<td.*?</td>", text, re.DOTALL)


def test_an_empty_list_says_so_and_leads_to_the_planner(client: TestClient) -> None:
    text = client.get("/plans").text
    assert "No plan is saved yet." in text
    assert "Open the planner" in text


def test_a_saved_plan_shows_the_figures_that_the_planner_showed(client: TestClient) -> None:
    path = saved(client)
    assert set(cells(client.get(f"/?{QUERY}").text)) <= set(cells(client.get(path).text))
    assert "Quote" in client.get("/plans").text


def test_a_plan_without_a_name_is_named_after_its_job(client: TestClient) -> None:
    assert "Llama-3.2-1B, full fine-tune, on 2 ×" in client.get(saved(client, name=" ")).text


def test_a_plan_leads_back_to_the_same_job(client: TestClient) -> None:
    found = re.search(r'href="(/\?[^"]+)">Open in the planner', client.get(saved(client)).text)
    assert found
    assert cells(client.get(html.unescape(found[1])).text) == cells(client.get(f"/?{QUERY}").text)


def test_a_plan_keeps_its_training_loop(client: TestClient) -> None:
    text = client.get(saved(client, query=f"{QUERY}&training_loop=hf_trainer")).text
    assert re.search(r"<dt>Training loop</dt>\s*<dd>Hugging Face Trainer</dd>", text)
    found = re.search(r'href="(/\?[^"]+)">Open in the planner', text)
    assert found
    assert "training_loop=hf_trainer" in found[1]


def test_a_plan_from_before_there_were_training_loops_opens_as_a_plain_one(
    app: FastAPI, client: TestClient
) -> None:
    path = saved(client)
    before = client.get(path).text
    file = app.state.services.settings.database_url.removeprefix("sqlite:///")
    with sqlite3.connect(file) as connection:
        ((request, result),) = connection.execute(
            "SELECT request, result FROM plan_versions"
        ).fetchall()
        asked, answered = json.loads(request), json.loads(result)
        asked.get("options", {}).pop("trainer", None)
        del answered["estimate"]["trainer"]
        rows = (json.dumps(asked), json.dumps(answered))
        connection.execute("UPDATE plan_versions SET request = ?, result = ?", rows)
    connection.close()
    after = client.get(path).text
    assert cells(after) == cells(before)
    assert re.search(r"<dt>Training loop</dt>\s*<dd>Plain PyTorch</dd>", after)


def test_a_job_that_cannot_be_planned_is_not_saved_and_told_beside_its_field(
    client: TestClient,
) -> None:
    response = client.post("/plans", data={"query": "nodes=0", "name": "x"})
    assert response.status_code == 422
    assert "Enter 1 or more." in response.text
    assert "No plan is saved yet." in client.get("/plans").text


def test_hostile_names_are_escaped_everywhere(client: TestClient) -> None:
    path = saved(client, name=ATTACK)
    link = shared(client, path)
    for address in (path, "/plans", link):
        text = client.get(address).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text


def test_a_name_that_cannot_be_printed_is_refused_with_a_sentence(client: TestClient) -> None:
    response = client.post("/plans", data={"query": QUERY, "name": "a\u202eb"})
    assert response.status_code == 422
    assert "U+202E" in response.text


def test_share_saves_and_shows_a_link_at_once(client: TestClient) -> None:
    response = client.post("/plans", data={"query": QUERY, "share": "true"})
    assert response.status_code == 200
    assert "/s/" in response.text


def test_a_page_that_is_reloaded_makes_no_second_plan_and_no_second_link(
    client: TestClient,
) -> None:
    form = {"query": QUERY, "share": "true"}
    response = client.post("/plans", data=form, follow_redirects=False)
    path = response.headers["Location"]
    assert (response.status_code, path.split("/")[1]) == (303, "plans")
    cookie = response.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=strict", f"Path={path}", "Max-Age=60"):
        assert part in cookie
    assert "share-link" in client.get(path).text
    again = client.get(path).text
    assert "share-link" not in again
    assert again.count("/revoke") == 1
    assert client.get("/plans").text.count('<th scope="row">') == 1


def test_a_link_is_shown_on_its_own_plan_only_and_not_from_any_cookie(client: TestClient) -> None:
    first, second = saved(client), saved(client)
    made = client.post(f"{first}/shares", data={"expires_in_days": "90"}, follow_redirects=False)
    value = made.cookies["fresh_link"]
    for path, cookie in ((second, value), (first, value.replace(".", "<.")), (first, "x.y")):
        text = client.get(path, headers={"Cookie": f"fresh_link={cookie}"}).text
        assert "share-link" not in text
    shown = client.get(first, headers={"Cookie": f"fresh_link={value}"}).text
    assert value.partition(".")[2] in shown


def test_a_link_is_shown_once_and_can_be_revoked(client: TestClient) -> None:
    path = saved(client)
    link = shared(client, path)
    token = link.rsplit("/", 1)[-1]
    text = client.get(path).text
    assert token not in text
    found = re.search(r'action="(/plans/[^"]+/revoke)"', text)
    assert found
    client.post(found[1])
    assert client.get(link).status_code == 404


def test_a_link_without_an_end_says_never(client: TestClient) -> None:
    path = saved(client)
    text = client.get(shared(client, path, days="never")).text
    assert re.search("Link expires</dt><dd>Never", text)


def test_an_impossible_expiry_is_refused(client: TestClient) -> None:
    response = client.post(f"{saved(client)}/shares", data={"expires_in_days": "-1"})
    assert response.status_code == 422


def test_delete_removes_the_plan_and_its_links(client: TestClient) -> None:
    path = saved(client)
    link = shared(client, path)
    stale = client.post(f"{path}/delete", data={"version": "7"})
    assert stale.status_code == 412
    assert client.post(f"{path}/delete", data={"version": "1"}).status_code == 200
    assert client.get(path).status_code == 404
    assert client.get(link).status_code == 404


def test_any_strategy_of_a_stored_plan_can_be_looked_at(client: TestClient) -> None:
    path = saved(client)
    for name in ("ddp", "zero3", "fsdp1"):
        assert STRATEGIES[name].title in client.get(f"{path}?strategy={name}").text


def test_an_unknown_plan_is_a_page_with_one_sentence(client: TestClient) -> None:
    response = client.get("/plans/pl_0000000000000000")
    assert response.status_code == 404
    assert "There is no plan" in response.text
    assert response.headers["Content-Type"].startswith("text/html")


def test_a_link_that_ended_cannot_be_revoked_any_more(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(client)
    client.post(f"{path}/shares", data={"expires_in_days": "30"})
    assert client.get(path).text.count("/revoke") == 1

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Later:
            return cls.fromtimestamp(datetime.now(UTC).timestamp() + 31 * 86_400, tz)

    monkeypatch.setattr("app.web.plans.datetime", Later)
    text = client.get(path).text

    assert "/revoke" not in text
    assert re.search(r"<td>Ended \d+ \w+ 20\d\d", text)
