"""The example rules for Prometheus speak of figures that the product gives."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from fastapi.routing import iter_route_contexts
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.architecture.repository import ROOT

FOLDER = ROOT / "docs" / "deploy"
PROMETHEUS_OWN = {"up": {"job", "instance"}}
FUNCTIONS = {"sum", "count", "rate", "histogram_quantile", "by"}
# Prometheus adds these to whatever it has scraped.
SCRAPED = {"job", "instance"}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The labels of every figure at /metrics, by its name."""
    database = tmp_path_factory.mktemp("metrics") / "shardplan.db"
    with TestClient(create_app(Settings(database_url=f"sqlite:///{database}"))) as client:
        client.get("/healthz")
        found: dict[str, set[str]] = {}
        for family in text_string_to_metric_families(client.get("/metrics").text):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_names_figures_and_labels_that_exist(
    rule: dict[str, Any], metrics: dict[str, set[str]]
) -> None:
    known = metrics | PROMETHEUS_OWN
    selectors = re.findall(r"([a-z_]+)\{(.*?)\}", rule["expr"], re.DOTALL)
    assert selectors
    for name, matchers in selectors:
        assert name in known, name
        named = set(re.findall(r"([a-z_]+)\s*=", matchers))
        assert "job" in named
        assert named <= known[name] | SCRAPED, name
    plain = re.sub(r'\{.*?\}|\[.*?\]|by \(.*?\)|"[^"]*"', "", rule["expr"], flags=re.DOTALL)
    words = set(re.findall(r"[a-z_]{2,}", plain))
    assert words <= {name for name, _ in selectors} | FUNCTIONS
    grouped = {
        label.strip() for by in re.findall(r"by \((.*?)\)", rule["expr"]) for label in by.split(",")
    }
    assert grouped <= set().union(*(known[name] for name, _ in selectors)) | SCRAPED


def test_a_route_that_a_rule_watches_is_served() -> None:
    text = (FOLDER / "alerts.yml").read_text()
    watched = set(re.findall(r'route="([^"]+)"', text))
    assert watched
    assert watched <= {route.path for route in iter_route_contexts(create_app(Settings()).routes)}


def test_every_rule_says_what_is_wrong_and_how_urgent_it_is() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) >= 5
    for rule in rules():
        assert rule["for"], rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        assert len(rule["annotations"]["summary"].split()) >= 4, rule["alert"]


def test_the_scrape_asks_each_replica_of_the_compose_file() -> None:
    configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    (scrape,) = configuration["scrape_configs"]
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    replicas = [name for name in services if name.startswith("replica-")]
    assert [static["targets"] for static in scrape["static_configs"]] == [
        [f"{name}:8000" for name in replicas]
    ]
    assert all((FOLDER / file).is_file() for file in configuration["rule_files"])
    assert f'job="{scrape["job_name"]}"' in (FOLDER / "alerts.yml").read_text()


def test_the_rules_that_the_guide_shows_are_among_them() -> None:
    guide = (ROOT / "docs" / "operating.md").read_text()
    (block,) = re.findall(r"^```yaml\n(- alert.*?)^```", guide, re.DOTALL | re.MULTILINE)
    shown = yaml.safe_load(block)
    known = {rule["alert"]: rule for rule in rules()}
    assert all(known[rule["alert"]].items() >= rule.items() for rule in shown)
