from __future__ import annotations

from dataclasses import dataclass

import pytest
from starlette.testclient import TestClient

from app.domain.units import GIB
from tests.factories import (
    LLAMA_CONFIG,
    Json,
    estimate_request,
    new_hardware_profile,
    new_model_profile,
)


@dataclass(frozen=True)
class Kind:
    address: str
    new: Json
    other: Json


KINDS = [
    Kind("/api/v1/model-profiles", new_model_profile(), new_model_profile(name="Other")),
    Kind(
        "/api/v1/hardware-profiles",
        new_hardware_profile(),
        new_hardware_profile(name="Other", nodes=2),
    ),
]
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.address)


@kinds
def test_a_profile_is_created_read_replaced_and_deleted(client: TestClient, kind: Kind) -> None:
    created = client.post(kind.address, json=kind.new)
    assert created.status_code == 201
    address = created.headers["location"]
    assert address == f"{kind.address}/{created.json()['id']}"

    read = client.get(address)
    assert (read.status_code, read.json()) == (200, created.json())
    assert read.headers["etag"] == created.headers["etag"] == '"1"'

    replaced = client.put(address, json=kind.other, headers={"If-Match": '"1"'})
    assert (replaced.status_code, replaced.headers["etag"]) == (200, '"2"')
    assert (replaced.json()["name"], replaced.json()["version"]) == ("Other", 2)
    assert client.get(address).json() == replaced.json()

    assert client.delete(address, headers={"If-Match": '"2"'}).status_code == 204
    assert client.get(address).status_code == 404
    assert client.put(address, json=kind.new, headers={"If-Match": "*"}).status_code == 404
    assert client.delete(address, headers={"If-Match": "*"}).status_code == 404


@kinds
def test_a_change_needs_the_current_tag(client: TestClient, kind: Kind) -> None:
    address = client.post(kind.address, json=kind.new).headers["location"]
    stale = {"If-Match": '"7"'}

    assert client.put(address, json=kind.other).status_code == 428
    assert client.delete(address).status_code == 428
    assert client.put(address, json=kind.other, headers=stale).status_code == 412
    assert client.delete(address, headers=stale).status_code == 412
    assert client.get(address).json()["version"] == 1


@kinds
def test_a_repeat_with_the_same_key_creates_nothing(client: TestClient, kind: Kind) -> None:
    key = {"Idempotency-Key": "profile-1"}
    first = client.post(kind.address, json=kind.new, headers=key)

    again = client.post(kind.address, json=kind.new, headers=key)
    other = client.post(kind.address, json=kind.other, headers=key)

    assert (again.status_code, again.content) == (201, first.content)
    assert other.status_code == 422
    assert len(client.get(kind.address).json()["items"]) == 1


@kinds
def test_a_copy_is_a_profile_of_its_own_made_once_per_key(client: TestClient, kind: Kind) -> None:
    original = client.post(kind.address, json=kind.new)
    address, key = f"{original.headers['location']}/copies", {"Idempotency-Key": "copy-1"}

    named = client.post(address, json={"name": "Option B"}, headers=key)
    again = client.post(address, json={"name": "Option B"}, headers=key)
    plain = client.post(address)

    assert (named.status_code, again.content) == (201, named.content)
    assert named.headers["location"] == f"{kind.address}/{named.json()['id']}"
    assert client.get(named.headers["location"]).json() == named.json()
    assert plain.json()["name"] == f"Copy of {kind.new['name']}"
    own = {"id", "name", "created_at", "updated_at"}
    kept = original.json().keys() - own
    assert all(named.json()[field] == original.json()[field] for field in kept)


@kinds
def test_the_list_is_read_page_by_page_from_new_to_old(client: TestClient, kind: Kind) -> None:
    ids = [client.post(kind.address, json=kind.new).json()["id"] for _ in range(3)]

    first = client.get(kind.address, params={"limit": 2}).json()
    rest = client.get(kind.address, params={"limit": 2, "cursor": first["next_cursor"]}).json()

    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None


@kinds
def test_an_unknown_profile_is_a_problem(client: TestClient, kind: Kind) -> None:
    for profile_id in ("xx_0000000000000000", "nothing", "%00"):
        response = client.get(f"{kind.address}/{profile_id}")
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


def test_a_model_profile_shows_its_parameters(client: TestClient) -> None:
    profile = client.post("/api/v1/model-profiles", json=new_model_profile()).json()

    hidden, inner, kv, vocabulary = 64, 128, 32, 1000
    layer = 2 * hidden * hidden + 2 * hidden * kv + 3 * hidden * inner + 2 * hidden
    total = 2 * layer + 2 * vocabulary * hidden + hidden
    assert profile["parameters"] == {
        "total": total,
        "active": total,
        "largest_layer": layer,
        "largest_tensor": vocabulary * hidden,
    }
    assert profile["config"] == LLAMA_CONFIG
    assert profile["base"] is None


def test_a_model_profile_can_stand_on_a_catalogue_model(client: TestClient) -> None:
    body = {"name": "Ours", "base": "meta-llama/Llama-3.1-8B"}

    profile = client.post("/api/v1/model-profiles", json=body).json()

    assert profile["base"] == "meta-llama/Llama-3.1-8B"
    assert profile["parameters"]["total"] == 8_030_261_248


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "Ours"}, ""),
        ({"name": "Ours", "base": "a", "config": {}}, ""),
        ({"name": "Ours", "base": "meta-llama/Llama-3.1-9B"}, "/base"),
        ({"name": "Ours", "config": LLAMA_CONFIG | {"hidden_size": 63}}, "/config/hidden_size"),
        ({"name": " ", "config": LLAMA_CONFIG}, "/name"),
        ({"config": LLAMA_CONFIG}, "/name"),
    ],
)
def test_a_model_that_no_job_could_use_is_refused(
    client: TestClient, body: Json, pointer: str
) -> None:
    response = client.post("/api/v1/model-profiles", json=body)

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert client.get("/api/v1/model-profiles").json()["items"] == []


def test_an_estimate_of_a_model_profile_is_that_of_its_config(client: TestClient) -> None:
    profile = client.post("/api/v1/model-profiles", json=new_model_profile()).json()
    by_config, by_profile = estimate_request(), estimate_request()
    by_config["model"] = {"config": LLAMA_CONFIG}
    by_profile["model"] = {"profile": profile["id"]}

    expected = client.post("/api/v1/estimates", json=by_config).json()
    answer = client.post("/api/v1/estimates", json=by_profile).json()

    assert answer["estimates"] == expected["estimates"]
    assert answer["model"]["id"] == profile["id"]


def test_a_replaced_model_profile_changes_the_next_estimate(client: TestClient) -> None:
    created = client.post("/api/v1/model-profiles", json=new_model_profile())
    body = estimate_request()
    body["model"] = {"profile": created.json()["id"]}
    before = client.post("/api/v1/estimates", json=body).json()["model"]

    bigger = new_model_profile(config={"num_hidden_layers": 3})
    client.put(created.headers["location"], json=bigger, headers={"If-Match": '"1"'})

    after = client.post("/api/v1/estimates", json=body).json()["model"]
    assert after["total_parameters"] > before["total_parameters"]


def test_an_estimate_of_a_hardware_profile_is_that_of_its_fields(client: TestClient) -> None:
    profile = client.post("/api/v1/hardware-profiles", json=new_hardware_profile()).json()
    by_fields, by_profile = estimate_request(), estimate_request()
    by_fields["hardware"] = {"gpu": "rtxpro6000-ws", "gpus_per_node": 4}
    by_profile["hardware"] = {"profile": profile["id"]}

    expected = client.post("/api/v1/estimates", json=by_fields)
    answer = client.post("/api/v1/estimates", json=by_profile)

    assert answer.content == expected.content


@pytest.mark.parametrize("where", ["model", "hardware"])
def test_an_unknown_profile_in_a_job_is_a_bad_field(client: TestClient, where: str) -> None:
    body = estimate_request()
    body[where] = {"profile": "xx_0000000000000000"}

    response = client.post("/api/v1/estimates", json=body)

    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["pointer"] == f"/{where}/profile"
    assert "Save one first" in error["detail"]


def test_a_price_is_exact_to_the_cent(client: TestClient) -> None:
    for price in (0, 52_000, 52_000.5, 8_499.99, 0.07, 999_999_999_999.99):
        body = new_hardware_profile(price_usd=price)
        created = client.post("/api/v1/hardware-profiles", json=body)
        assert created.json()["price_usd"] == price
        assert client.get(created.headers["location"]).json()["price_usd"] == price


def test_facts_of_the_gpu_are_replaced_by_naming_them(client: TestClient) -> None:
    overrides = {
        "torch_bytes": 90 * GIB,
        "bf16_native": False,
        "pcie_gb_s": 12.5,
        "interconnect": "NVLink bridge",
        "usable_memory_bytes": 80 * GIB,
    }
    body = new_hardware_profile(**overrides)

    profile = client.post("/api/v1/hardware-profiles", json=body).json()

    facts = profile["gpu_facts"]
    assert profile["overrides"] == overrides
    assert facts["torch_bytes"] == 90 * GIB
    assert (facts["bf16_native"], facts["pcie_gb_s"]) == (False, 12.5)
    assert profile["interconnect"] == facts["interconnect"] == "NVLink bridge"
    assert facts["power_w"] == 600
    request = estimate_request()
    request["hardware"] = {"profile": profile["id"]}
    capacity = client.post("/api/v1/estimates", json=request).json()["capacity"]
    assert capacity["usable_bytes"] == 80 * GIB


def test_another_memory_size_moves_what_driver_and_pytorch_report(client: TestClient) -> None:
    whole = client.get("/api/v1/gpus/rtxpro6000-ws").json()
    body = new_hardware_profile(memory_gb=48)

    facts = client.post("/api/v1/hardware-profiles", json=body).json()["gpu_facts"]

    assert facts["memory_gb"] == 48
    assert facts["driver_bytes"] == whole["driver_bytes"] // 2
    assert facts["torch_bytes"] == whole["torch_bytes"] // 2


def test_what_pytorch_reports_follows_the_drivers_figure_unless_it_is_given(
    client: TestClient,
) -> None:
    whole = client.get("/api/v1/gpus/rtxpro6000-ws").json()
    half = {"driver_bytes": whole["driver_bytes"] // 2}

    def facts(body: Json) -> Json:
        created = client.post("/api/v1/hardware-profiles", json=body)
        return dict(created.json()["gpu_facts"])

    follows = facts(new_hardware_profile(**half))
    given = facts(new_hardware_profile(**half, torch_bytes=40 * GIB))

    assert follows["torch_bytes"] == pytest.approx(whole["torch_bytes"] / 2, abs=1)
    assert given["torch_bytes"] == 40 * GIB


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"gpu": "rtx"}, "/gpu"),
        ({"torch_bytes": 2**49}, "/torch_bytes"),
        ({"usable_memory_bytes": 2**49}, "/usable_memory_bytes"),
        ({"gpus_per_node": 0}, "/gpus_per_node"),
        ({"price_usd": 1.999}, "/price_usd"),
        ({"memory_gib": 1}, "/memory_gib"),
    ],
)
def test_a_machine_that_cannot_be_is_refused(
    client: TestClient, changes: Json, pointer: str
) -> None:
    response = client.post("/api/v1/hardware-profiles", json=new_hardware_profile(**changes))

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_a_config_of_more_than_256_kib_is_refused_at_its_field(client: TestClient) -> None:
    config = {**LLAMA_CONFIG, "comment": "x" * 262_144}

    response = client.post("/api/v1/model-profiles", json={"name": "Long", "config": config})

    assert response.status_code == 422
    assert response.json()["errors"] == [
        {
            "pointer": "/config",
            "detail": "Remove what the model does not need: keep at most 262,144 bytes.",
        }
    ]
