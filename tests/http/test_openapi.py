from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.factories import new_hardware_profile, new_model_profile, new_plan

Document = dict[str, Any]

PUBLIC = {
    "GET /healthz",
    "GET /readyz",
    "POST /api/v1/estimates",
    "POST /api/v1/estimate-batches",
    "POST /api/v1/recommendations",
    "POST /api/v1/configurations",
    "GET /api/v1/models",
    "GET /api/v1/models/{model_id}",
    "GET /api/v1/gpus",
    "GET /api/v1/gpus/{gpu_id}",
    "GET /api/v1/systems",
    "GET /api/v1/systems/{system_id}",
    "GET /api/v1/strategies",
    "GET /api/v1/frameworks",
    "GET /api/v1/formulas",
    "GET /api/v1/claims",
    "GET /api/v1/accuracy",
    "GET /api/v1/accuracy/runs/{run_id}",
    "POST /api/v1/accuracy/comparisons",
    "GET /api/v1/model-profiles",
    "POST /api/v1/model-profiles",
    "GET /api/v1/model-profiles/{profile_id}",
    "PUT /api/v1/model-profiles/{profile_id}",
    "DELETE /api/v1/model-profiles/{profile_id}",
    "GET /api/v1/hardware-profiles",
    "POST /api/v1/hardware-profiles",
    "GET /api/v1/hardware-profiles/{profile_id}",
    "PUT /api/v1/hardware-profiles/{profile_id}",
    "DELETE /api/v1/hardware-profiles/{profile_id}",
    "GET /api/v1/hardware-profiles/{profile_id}/plans",
    "POST /api/v1/hardware-profiles/{profile_id}/copies",
    "POST /api/v1/model-profiles/{profile_id}/copies",
    "GET /api/v1/model-profiles/{profile_id}/plans",
    "GET /api/v1/profiles",
    "POST /api/v1/profiles/imports",
    "GET /api/v1/plans",
    "POST /api/v1/plans",
    "GET /api/v1/plans/{plan_id}",
    "PUT /api/v1/plans/{plan_id}",
    "DELETE /api/v1/plans/{plan_id}",
    "POST /api/v1/plans/{plan_id}/copies",
    "GET /api/v1/plans/{plan_id}/recalculation",
    "POST /api/v1/plans/{plan_id}/recalculations",
    "GET /api/v1/plans/{plan_id}/versions",
    "GET /api/v1/plans/{plan_id}/versions/{version}",
    "GET /api/v1/plans/{plan_id}/shares",
    "POST /api/v1/plans/{plan_id}/shares",
    "DELETE /api/v1/plans/{plan_id}/shares/{share_id}",
    "GET /api/v1/shares/{token}",
    "POST /api/v1/system-searches",
}


@pytest.fixture
def document(client: TestClient) -> Document:
    response = client.get("/openapi.json")
    assert response.status_code == 200
    return dict(response.json())


def operations(document: Document) -> dict[str, Document]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_public_addresses_are_exactly_these(document: Document) -> None:
    assert operations(document).keys() == PUBLIC


def test_operation_ids_are_plain_names_and_unique(document: Document) -> None:
    ids = [operation["operationId"] for operation in operations(document).values()]

    assert len(set(ids)) == len(ids)
    assert all(operation_id.isidentifier() for operation_id in ids)
    assert not [operation_id for operation_id in ids if "api_v1" in operation_id]


def test_every_error_is_documented_as_a_problem(document: Document) -> None:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for address, operation in operations(document).items():
        errors = {s: r for s, r in operation["responses"].items() if not s.startswith("2")}
        assert {"421", "500"} <= errors.keys(), address
        assert all(response["content"] == problem for response in errors.values()), address
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= errors.keys(), address
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_body_and_every_answer_has_an_example(document: Document) -> None:
    for address, operation in operations(document).items():
        if body := operation.get("requestBody"):
            assert body["content"]["application/json"]["examples"], address
        for status, response in operation["responses"].items():
            if status in ("200", "201"):
                assert all("example" in content for content in response["content"].values()), (
                    address
                )


def test_the_request_examples_are_accepted(client: TestClient, document: Document) -> None:
    plan = client.post("/api/v1/plans", json=new_plan()).json()["id"]
    saved = {
        kind: client.post(f"/api/v1/{kind}-profiles", json=new).json()["id"]
        for kind, new in (("model", new_model_profile()), ("hardware", new_hardware_profile()))
    }
    posted = set()
    for address, operation in operations(document).items():
        method, path = address.split()
        if method != "POST":
            continue
        content = operation["requestBody"]["content"]["application/json"]
        for name, example in content["examples"].items():
            profile = saved["model" if "model-profiles" in path else "hardware"]
            address_of_one = path.format(plan_id=plan, profile_id=profile)
            response = client.post(address_of_one, json=example["value"])
            assert response.is_success, f"{address} {name}: {response.text}"
            posted.add(path.rsplit("/", 1)[-1])
    assert posted == {
        "estimates", "estimate-batches", "recommendations", "configurations", "system-searches",
        "comparisons", "plans", "copies", "recalculations", "shares", "imports",
        "model-profiles", "hardware-profiles",
    }  # fmt: skip


@pytest.fixture(scope="module")
def with_keys(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """What is published where access is by key; the examples, which take seconds, are left out."""
    database = tmp_path_factory.mktemp("keys") / "shardplan.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.main.response_examples", lambda _: {})
        app = create_app(Settings(database_url=f"sqlite:///{database}", access="keys"))
        return app.openapi()


def test_with_keys_every_operation_says_whether_it_takes_one(with_keys: Document) -> None:
    (scheme,) = with_keys["components"]["securitySchemes"].items()
    assert scheme[0] == "key"
    assert (scheme[1]["type"], scheme[1]["scheme"]) == ("http", "bearer")
    assert with_keys["security"] == [{"key": []}]
    without = {a for a, o in operations(with_keys).items() if o.get("security") == []}
    assert without == {"GET /healthz", "GET /readyz", "GET /api/v1/shares/{token}"}


def test_with_keys_the_answers_to_bad_keys_are_documented(with_keys: Document) -> None:
    probes = {"GET /healthz", "GET /readyz"}
    for address, operation in operations(with_keys).items():
        responses = operation["responses"]
        assert ("401" in responses) == (operation.get("security") != []), address
        assert ("403" in responses) == (not address.startswith("GET ")), address
        assert ("429" in responses) == (address not in probes), address
        if "401" in responses:
            assert "WWW-Authenticate" in responses["401"]["headers"], address
        if "429" in responses:
            assert "Retry-After" in responses["429"]["headers"], address
        assert "421" not in responses, "any host name is answered where access is by key"


def test_without_keys_the_document_asks_for_none(document: Document) -> None:
    assert "security" not in document
    assert "securitySchemes" not in document["components"]
    for address, operation in operations(document).items():
        assert not {"401", "429"} & operation["responses"].keys(), address


def test_no_answer_has_a_field_for_a_hash_or_a_workspace(document: Document) -> None:
    fields = {
        name
        for schema in document["components"]["schemas"].values()
        for name in schema.get("properties", {})
    }
    assert len(fields) > 100
    assert not [name for name in fields if re.search("hash|workspace|secret|password", name)]


def test_every_operation_has_a_summary_and_a_description(document: Document) -> None:
    for address, operation in operations(document).items():
        assert operation["summary"], address
        assert operation["description"], address
