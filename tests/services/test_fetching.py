"""Fetching a config by name: one host, public addresses, bounded answers. No test has a network."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.domain.errors import InvalidInput
from app.main import create_app
from app.services.fetching import MAX_BYTES, ConfigFetcher
from app.settings import Settings
from tests.factories import LLAMA_CONFIG

PUBLIC = "18.155.68.1"


class Answer(io.BytesIO):
    def __init__(self, status: int, body: bytes = b"", location: str | None = None) -> None:
        super().__init__(body)
        self.status = status
        self.location = location

    def getheader(self, name: str) -> str | None:
        return self.location if name == "Location" else None


@dataclass
class Hub:
    """Stands in for the network: gives its answers in turn and remembers what was asked."""

    answers: list[Answer]
    addresses: list[list[str]] = field(default_factory=lambda: [[PUBLIC]])
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""

    def resolve(self, host: str) -> list[str]:
        assert host == "huggingface.co"
        return self.addresses.pop(0)

    def connect(self, address: str) -> Hub:
        self.address = address
        return self

    def request(self, method: str, url: str, *, headers: dict[str, str]) -> None:
        assert (method, headers["Accept-Encoding"]) == ("GET", "identity")
        self.asked.append((self.address, url))

    def getresponse(self) -> Answer:
        return self.answers.pop(0)

    def close(self) -> None:
        self.address = ""

    def fetch(self, name: str = "org/name") -> dict[str, object]:
        return ConfigFetcher(True, self.resolve, self.connect).fetch(name)


def refusal(hub: Hub, name: str = "org/name") -> str:
    with pytest.raises(InvalidInput) as caught:
        hub.fetch(name)
    ((pointer, detail),) = caught.value.errors
    assert pointer == "/repository"
    return detail


CONFIG = json.dumps(LLAMA_CONFIG).encode()
PATH = "/org/name/resolve/main/config.json"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1", "224.0.0.1"],
)
def test_an_address_that_is_not_public_is_never_connected_to(address: str) -> None:
    hub = Hub([Answer(200, CONFIG)], [[PUBLIC, address]])
    assert "not public" in refusal(hub)
    assert hub.asked == []


def test_a_name_that_resolves_differently_later_still_connects_to_the_checked_address() -> None:
    hub = Hub([Answer(307, location="/api/x"), Answer(200, CONFIG)], [[PUBLIC], ["127.0.0.1"]])
    assert hub.fetch() == LLAMA_CONFIG
    assert hub.asked == [(PUBLIC, PATH), (PUBLIC, "/api/x")]


@pytest.mark.parametrize(
    "location", ["https://huggingface.co/x", "//evil.example/x", "/\\evil.example", "x", "/a b", ""]
)
def test_a_redirect_elsewhere_is_refused(location: str) -> None:
    hub = Hub([Answer(302, location=location), Answer(200, CONFIG)])
    assert "moved" in refusal(hub)
    assert len(hub.asked) == 1


def test_a_second_redirect_is_refused() -> None:
    hub = Hub([Answer(307, location="/a"), Answer(307, location="/b"), Answer(200, CONFIG)])
    assert "answered 307" in refusal(hub)


def test_an_answer_that_is_too_large_is_not_read_to_its_end() -> None:
    answer = Answer(200, b" " * (3 * MAX_BYTES))
    assert "1 MiB" in refusal(Hub([answer]))
    assert answer.tell() < MAX_BYTES + 100_000


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(401), "gated"),
        (Answer(403), "gated"),
        (Answer(404), "no such repository"),
        (Answer(500), "answered 500"),
        (Answer(200, b"<html>"), "not JSON"),
        (Answer(200, b"\xff"), "not JSON"),
        (Answer(200, b"[]"), "no object"),
        (Answer(200, b'{"a": 1, "a": 2}'), "more than once"),
    ],
)
def test_what_went_wrong_is_said_with_a_remedy(answer: Answer, said: str) -> None:
    assert said in refusal(Hub([answer]))


@pytest.mark.parametrize(
    "name",
    ["https://huggingface.co/org/name", "org", "org/../x", "org/na..me", "org/name\n", "a/b/c"],
)
def test_what_is_no_repository_name_is_refused_before_anything_is_resolved(name: str) -> None:
    hub = Hub([])
    assert "org/name" in refusal(hub, name)
    assert len(hub.addresses) == 1


@pytest.fixture
def product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[TestClient]:
    hub = Hub([Answer(200, CONFIG)])
    monkeypatch.setattr(
        "app.services.container.ConfigFetcher",
        lambda allowed: ConfigFetcher(allowed, hub.resolve, hub.connect),
    )
    database = f"sqlite:///{tmp_path}/shardplan.db"
    app = create_app(Settings(database_url=database, fetch_models=request.param))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


BODY = {"name": "Ours", "repository": "org/name"}


@pytest.mark.parametrize("product", [True], indirect=True)
def test_a_profile_is_created_from_a_repository_and_says_so(product: TestClient) -> None:
    key = {"Idempotency-Key": "once"}
    created = product.post("/api/v1/model-profiles", json=BODY, headers=key)
    assert created.status_code == 201
    assert created.json()["config"] == LLAMA_CONFIG
    assert created.json()["notes"] == "config.json of org/name on Hugging Face"
    # A replay fetches nothing: the stand-in has one answer only.
    again = product.post("/api/v1/model-profiles", json=BODY, headers=key)
    assert again.json()["id"] == created.json()["id"]


@pytest.mark.parametrize("product", [True], indirect=True)
def test_the_page_fetches_only_when_asked_to(product: TestClient) -> None:
    assert "Hugging Face repository" in product.get("/models/import").text
    typed = product.post("/models/import", data={"repository": "org/name"})
    assert typed.status_code == 422
    page = product.post("/models/import", data={"repository": "org/name", "action": "fetch"})
    assert page.status_code == 200
    assert "hidden_size" in page.text


@pytest.mark.parametrize("product", [False], indirect=True)
def test_without_the_setting_nothing_is_fetched(product: TestClient) -> None:
    answer = product.post("/api/v1/model-profiles", json=BODY)
    assert answer.status_code == 422
    assert "SHARDPLAN_FETCH_MODELS" in answer.text
    assert "i-repository" not in product.get("/models/import").text
