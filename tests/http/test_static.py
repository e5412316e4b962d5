from __future__ import annotations

from starlette.testclient import TestClient

from app.http.static import STATIC_FOLDER, STYLESHEET, static_url


def test_the_favicon_is_served_where_browsers_look(client: TestClient) -> None:
    response = client.get("/favicon.ico")

    assert response.status_code == 200
    assert response.headers["content-type"] == "image/svg+xml"
    assert response.content == (STATIC_FOLDER / "favicon.svg").read_bytes()


def test_a_hashed_address_may_be_kept_for_good(client: TestClient) -> None:
    address = static_url("favicon.svg")

    response = client.get(address)

    assert "?v=" in address
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_plain_address_is_asked_for_again_and_answered_in_short(client: TestClient) -> None:
    first = client.get("/static/favicon.svg")
    assert first.headers["cache-control"] == "no-cache"

    again = client.get("/static/favicon.svg", headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304


def test_a_file_that_is_not_there_has_a_plain_address(client: TestClient) -> None:
    assert static_url("nothing.css") == "/static/nothing.css"
    assert client.get("/static/nothing.css").status_code == 404


def test_nothing_outside_of_the_folder_is_served(client: TestClient) -> None:
    assert client.get("/static/%2e%2e/pyproject.toml").status_code == 404


def test_the_style_sheets_are_one_file_in_the_cascades_order(client: TestClient) -> None:
    answer = client.get(static_url(STYLESHEET))
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    first, last = (
        (STATIC_FOLDER / "css" / f"{name}.css").read_text() for name in ("tokens", "print")
    )
    assert answer.text.startswith(first)
    assert answer.text.endswith(last)
