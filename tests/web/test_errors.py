from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient


def test_an_unknown_address_is_a_page_that_leads_on(client: TestClient) -> None:
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert "There is nothing here" in response.text
    assert 'href="/"' in response.text


def test_a_failure_of_ours_is_told_with_a_reference_and_nothing_else(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(app.state.services.planner), "plan", fail)
    response = client.get("/")
    assert response.status_code == 500
    assert "secret detail" not in response.text
    assert response.headers["X-Request-ID"] in response.text
