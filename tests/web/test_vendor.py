from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.web import assets, vendor


def test_plotly_is_served_from_its_python_package_in_the_same_version(client: TestClient) -> None:
    response = client.get(assets.PLOTLY_ROUTE)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/javascript")
    assert f"plotly.js v{assets.PLOTLY.version}" in response.text[:200]


def test_without_the_package_the_copy_is_not_there(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Path | None:
        return None

    monkeypatch.setattr(vendor, "plotly_package_file", missing)
    assert client.get(assets.PLOTLY_ROUTE).status_code == 404
