from __future__ import annotations

import pytest
from starlette.testclient import TestClient


def test_the_choice_is_kept_and_leads_back(client: TestClient) -> None:
    assert "data-theme" not in client.get("/plans").text.split("<head>")[0]
    form = {"theme": "dark", "next": "/plans?cursor="}
    response = client.post("/theme", data=form, follow_redirects=False)
    assert response.status_code == 303
    assert response.headers["Location"] == "/plans?cursor="
    assert "HttpOnly" in response.headers["Set-Cookie"]
    assert '<html lang="en" data-theme="dark">' in client.get("/plans").text


def test_an_unknown_theme_leaves_it_to_the_browser(client: TestClient) -> None:
    client.post("/theme", data={"theme": "dark"})
    client.post("/theme", data={"theme": "pink"})
    assert "data-theme" not in client.get("/plans").text.split("<head>")[0]


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "/a\r\nX: y"]
)
def test_it_leads_nowhere_else(client: TestClient, address: str) -> None:
    form = {"theme": "dark", "next": address}
    response = client.post("/theme", data=form, follow_redirects=False)
    assert response.headers["Location"] == "/"


def test_a_script_gets_no_page_back(client: TestClient) -> None:
    response = client.post("/theme", data={"theme": "dark"}, headers={"HX-Request": "true"})
    assert response.status_code == 204
    assert "theme=dark" in response.headers["Set-Cookie"]
