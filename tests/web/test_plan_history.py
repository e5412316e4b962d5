from __future__ import annotations

import io
import re
import zipfile

import pytest
from starlette.testclient import TestClient

from tests.factories import new_hardware_profile, new_plan
from tests.web.test_plans import saved, shared


@pytest.fixture
def path(client: TestClient) -> str:
    return saved(client, name="Northwind")


@pytest.fixture
def link(client: TestClient, path: str) -> str:
    return shared(client, path).removeprefix("http://127.0.0.1")


def test_a_saved_and_a_shared_plan_show_the_files_that_were_kept(
    client: TestClient, path: str, link: str
) -> None:
    for page in (path, link):
        text = client.get(page).text
        href = re.findall(rf'href="({page}/configuration/shardplan.zip[^"]*)"', text)[0]
        archive = zipfile.ZipFile(io.BytesIO(client.get(href.replace("&amp;", "&")).content))
        assert "Configuration for " in text
        assert archive.namelist()
        for name in archive.namelist():
            assert client.get(href.replace("shardplan.zip", name)).content == archive.read(name)
    assert client.get(f"{path}/configuration/other.txt?strategy=zero3").status_code == 404


def test_an_earlier_version_opens_as_it_was(client: TestClient, path: str) -> None:
    old = client.get(path).text
    body = new_plan(name="Changed")
    client.put(f"/api/v1{path}", json=body, headers={"If-Match": '"1"'})

    now, before = client.get(path).text, client.get(f"{path}/versions/1").text

    assert "<h1>Changed</h1>" in now
    assert f'href="{path}/versions/1"' in now
    assert "<h1>Northwind</h1>" in before
    assert "Version 1 of 2" in before
    digest = re.compile(r'title="([0-9a-f]{64})"')
    assert digest.findall(before) == digest.findall(old) != digest.findall(now)
    assert "<form" not in before.split("<main")[1]
    assert client.get(f"{path}/versions/9").status_code == 404


def test_duplicating_leads_to_the_copy(client: TestClient, path: str) -> None:
    response = client.post(f"{path}/copy", follow_redirects=False)

    assert response.status_code == 303
    assert response.headers["location"] != path
    assert "<h1>Copy of Northwind</h1>" in client.get(response.headers["location"]).text


def test_todays_numbers_are_shown_on_request_and_saved_as_a_new_plan(
    client: TestClient, path: str
) -> None:
    assert 'id="today"' not in client.get(path).text

    text = client.get(f"{path}/recalculation").text
    response = client.post(f"{path}/recalculation", follow_redirects=False)

    assert "The verdict is unchanged. Every number is what it was." in text
    assert response.headers["location"] != path
    assert "Northwind, recalculated " in client.get(response.headers["location"]).text
    assert "<h1>Northwind</h1>" in client.get(path).text


def test_what_moved_is_marked_with_its_change_and_why(client: TestClient) -> None:
    def machine(usable: int) -> dict[str, object]:
        return new_hardware_profile(gpu="h100-80-sxm", usable_memory_bytes=usable)

    profile = client.post("/api/v1/hardware-profiles", json=machine(60_000_000_000)).json()
    body = new_plan()
    body["request"]["hardware"] = {"profile": profile["id"]}
    plan = client.post("/api/v1/plans", json=body).json()
    headers = {"If-Match": '"1"'}
    client.put(f"/api/v1/hardware-profiles/{profile['id']}", json=machine(2**31), headers=headers)

    text = client.get(f"/plans/{plan['id']}/recalculation").text
    row = re.findall(r"<tr>\s*<th scope=\"row\">Usable per GPU</th>.*?</tr>", text, re.DOTALL)[0]
    cells = re.findall(r'<td(?: class="([^"]*)")?>([^<]*)</td>', row)

    assert "The verdict has changed." in text
    assert cells == [
        ("num", "55.9 GiB"),
        ("num moved", "2.0 GiB"),
        ("num worse", "−53.9 GiB"),
        ("", "Changed: usable memory"),
    ]

    client.delete(f"/api/v1/hardware-profiles/{profile['id']}", headers={"If-Match": "*"})
    assert (
        "Today these inputs give no answer" in client.get(f"/plans/{plan['id']}/recalculation").text
    )
    token = client.post(f"/api/v1/plans/{plan['id']}/shares", json={}).json()["token"]
    assert "Compare with today" not in client.get(f"/s/{token}").text
    assert 'id="today"' not in client.get(f"/s/{token}/recalculation").text


def test_a_shared_plan_shows_its_question_link_code_and_origin(
    client: TestClient, link: str
) -> None:
    text = client.get(link).text

    assert re.search(r"Question: Can \d × .*\?", text)
    assert f"<code>http://127.0.0.1{link}</code>" in text
    assert 'class="qr"' in text
    assert "style=" not in text.split('class="qr"')[1].split("</svg>")[0]
    assert re.search(r'title="[0-9a-f]{64}">sha256 ', text)
    assert "Assumptions" in text
    assert "Memory only: how fast the job trains is not predicted." in text
    assert "recalculation" in text
    assert 'id="today"' in client.get(f"{link}/recalculation").text


def test_a_visitor_gets_no_further_than_the_plan(client: TestClient, path: str, link: str) -> None:
    text = client.get(link).text

    assert path not in text
    for method, tail in (("POST", "/recalculation"), ("POST", "/copy"), ("DELETE", "")):
        assert client.request(method, f"{link}{tail}").status_code in (404, 405)


DEAD = [
    "A" * 32, "x", ":key", "%7Btoken%7D", "{token}", "1", "0", "-1", "%00", "..%2f..", "%2e%2e",
    "..;/", "a/b", "", "null", "undefined", "A" * 5_000, "%F0%9F%98%80", "%ff",
]  # fmt: skip


@pytest.mark.parametrize("prefix", ["/s/", "/api/v1/shares/"])
def test_whatever_is_no_live_link_is_answered_the_same_to_the_byte(
    client: TestClient, prefix: str
) -> None:
    bodies = set()
    for token in DEAD:
        response = client.get(prefix + token)
        body = re.sub(r'"request_id":"[^"]*"', "", response.text)
        body = re.sub(r'"instance":"[^"]*"', "", body)
        bodies.add((response.status_code, response.headers["content-type"], body))
    bare = client.get(prefix.rstrip("/"))

    assert len(bodies) == 1
    assert bare.status_code == 404
    assert next(iter(bodies))[0] == 404


@pytest.mark.parametrize("tail", ["/recalculation", "/configuration/launch.sh", "/export.pdf"])
def test_what_lies_under_a_dead_link_is_the_same_404(client: TestClient, tail: str) -> None:
    dead = client.get(f"/s/{'A' * 32}")

    assert client.get(f"/s/{'A' * 32}{tail}").text == dead.text


def test_a_revoked_link_is_like_one_that_never_was(
    client: TestClient, path: str, link: str
) -> None:
    share = client.get(f"/api/v1{path}/shares").json()["items"][0]
    client.post(f"{path}/shares/{share['id']}/revoke")

    assert client.get(link).text == client.get("/s/x").text
    assert client.get(f"{link}/recalculation").text == client.get("/s/x").text


def test_plans_lead_to_their_comparison(client: TestClient, path: str) -> None:
    plan = path.rpartition("/")[2]

    assert f'href="/compare/add?plan={plan}"' in client.get(path).text
    text = client.get("/plans").text
    assert f'name="plan" value="{plan}" form="compare"' in text
    assert client.get("/compare", params={"plan": plan}).status_code == 200
