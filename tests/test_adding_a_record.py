"""One record in one file, and the whole product has it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.catalog import read_catalog
from app.catalog.loading import DATA
from app.main import create_app
from app.settings import Settings
from tests.conftest import ADDRESS

GPU = "x900-200-oam"
MODEL = "acme/Small-1B"
SYSTEM = "acme-eight"


def add(folder: Path, file: str, like: str, changes: dict[str, Any]) -> None:
    """Appends a copy of one record, changed, to a data file."""
    path = folder / file
    records = json.loads(path.read_text("utf-8"))
    (copied,) = (record for record in records if record["id"] == like)
    path.write_text(json.dumps([*records, copied | changes]), "utf-8")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The product with one more GPU, model and system in its data files, and nothing else new."""
    folder = tmp_path_factory.mktemp("catalogue")
    shutil.copytree(DATA, folder, dirs_exist_ok=True)
    add(folder, "gpus.json", "mi300x", {"id": GPU, "name": "X900 OAM 200GB", "vendor": "amd"})
    add(folder, "models.json", "meta-llama/Llama-3.2-1B", {"id": MODEL, "name": "Small 1B"})
    add(folder, "systems.json", "dgx-h100", {"id": SYSTEM, "name": "Acme Eight", "gpu": GPU})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.services.container.load_catalog", lambda: read_catalog(folder))
        app = create_app(Settings(database_url=f"sqlite:///{folder}/shardplan.db"))
        with TestClient(app, base_url=ADDRESS) as client:
            yield client


def test_a_new_gpu_is_listed_found_and_has_a_page(client: TestClient) -> None:
    assert f'href="/gpus/{GPU}"' in client.get("/gpus").text
    assert f'href="/gpus/{GPU}"' in client.get("/gpus?q=x900&vendor=amd&memory=180").text
    page = client.get(f"/gpus/{GPU}").text
    assert "X900 OAM 200GB" in page
    assert f'href="/gpus/{GPU}"' in client.get("/gpus/mi300x").text, "among its nearest"


def test_a_new_model_is_listed_found_suggested_and_has_a_page(client: TestClient) -> None:
    assert f'href="/models/{MODEL}"' in client.get("/models?q=acme small").text
    assert f'data-value="{MODEL}"' in client.get("/models/options?q=acme").text
    assert MODEL in client.get(f"/models/{MODEL}").text


def test_both_are_in_the_menus_of_planner_and_profiles(client: TestClient) -> None:
    planner = client.get("/").text
    assert f'value="{GPU}"' in planner
    assert MODEL in planner
    assert f'value="{GPU}"' in client.get("/hardware-profiles/new").text
    assert MODEL in client.get("/model-profiles/new").text


def test_both_are_in_the_api_and_can_be_estimated(client: TestClient) -> None:
    for kind, id_ in (("gpus", GPU), ("models", MODEL)):
        listed = client.get(f"/api/v1/{kind}").json()["items"]
        assert id_ in {item["id"] for item in listed}
        assert client.get(f"/api/v1/{kind}/{id_}").json()["id"] == id_
    body = {"model": {"id": MODEL}, "hardware": {"gpu": GPU}, "strategies": ["ddp"]}
    answer = client.post("/api/v1/estimates", json=body).json()
    assert answer["model"]["id"] == MODEL
    assert answer["estimates"][0]["verdict"] == "fits"


def test_a_new_system_stands_on_its_gpus_page_and_in_the_api(client: TestClient) -> None:
    assert "Acme Eight" in client.get(f"/gpus/{GPU}").text
    system = client.get(f"/api/v1/systems/{SYSTEM}").json()
    body = {"model": {"id": MODEL}, "hardware": system["hardware"], "strategies": ["zero3"]}
    assert client.post("/api/v1/estimates", json=body).status_code == 200


def test_the_search_for_systems_offers_the_new_gpu(client: TestClient) -> None:
    body = {"model": {"id": MODEL}, "vendor": "amd", "one_per_gpu": True, "limit": 50}
    answer = client.post("/api/v1/system-searches", json=body).json()
    assert GPU in {result["gpu"] for result in answer["results"]}
