"""`GET /api/v1/frameworks` lists each framework with the strategies that it implements."""

from __future__ import annotations

from starlette.testclient import TestClient

from app.catalog.measured import measured_runs
from app.domain.strategies import STRATEGIES
from tests.factories import Json


def listed(client: TestClient) -> list[Json]:
    return list(client.get("/api/v1/frameworks").json()["items"])


def test_every_strategy_belongs_to_one_framework(client: TestClient) -> None:
    owned = {item["id"]: item["strategies"] for item in listed(client)}
    assert set(owned) == {"pytorch_ddp", "pytorch_fsdp", "deepspeed"}
    assert sorted(s for strategies in owned.values() for s in strategies) == sorted(STRATEGIES)
    assert owned["pytorch_ddp"] == ["ddp"]
    assert all(s.startswith("zero") for s in owned["deepspeed"])
    assert all(s.startswith("fsdp") for s in owned["pytorch_fsdp"])


def test_the_version_named_is_the_one_that_was_measured(client: TestClient) -> None:
    measured: dict[str, set[str]] = {}
    for run in measured_runs():
        for package, version in run.versions.items():
            measured.setdefault(package, set()).add(version)
    for item in listed(client):
        version = item["measured_version"]
        assert any(seen.startswith(version) for seen in measured[item["package"]])


def test_a_framework_has_a_title_a_sentence_and_its_documentation(client: TestClient) -> None:
    for item in listed(client):
        assert item["title"]
        assert item["summary"].endswith(".")
        assert item["source_url"].startswith("https://")


def test_the_comparison_names_the_frameworks_that_are_listed(client: TestClient) -> None:
    answer = client.get("/api/v1/frameworks").json()
    ids = [item["id"] for item in answer["items"]]
    sources = {source["id"] for source in answer["comparison"]["sources"]}
    for aspect in answer["comparison"]["aspects"]:
        assert [cell["framework"] for cell in aspect["cells"]] == ids
        assert set(aspect["sources"]) <= sources
    assert answer["comparison"]["questions"]
    assert answer["comparison"]["gaps"]
