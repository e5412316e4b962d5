from __future__ import annotations

from starlette.testclient import TestClient

from tests.web.test_plans import cells, saved, shared


def test_a_shared_plan_is_the_stored_one_read_only_and_private(client: TestClient) -> None:
    path = saved(client, name="Northwind")
    response = client.get(shared(client, path))
    assert response.status_code == 200
    assert "Shared plan, read only." in response.text
    assert set(cells(response.text)) <= set(cells(client.get(path).text))
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert '<meta name="robots" content="noindex' in response.text


def test_a_shared_plan_offers_nothing_that_changes_it(client: TestClient) -> None:
    text = client.get(shared(client, saved(client))).text
    assert text.count("<form") == 1  # the theme's
    assert "data-apply" not in text
    assert ">Apply<" not in text


def test_unknown_and_malformed_links_are_the_same_sentence(client: TestClient) -> None:
    answers = [client.get(f"/s/{token}") for token in ("x", "A" * 32, "%3Cscript%3E")]
    assert {answer.status_code for answer in answers} == {404}
    assert all("This link does not work." in answer.text for answer in answers)
