from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from tests.factories import Json, new_hardware_profile, new_model_profile, new_plan

ADDRESS = "/api/v1/profiles"
IMPORTS = f"{ADDRESS}/imports"


def document(**parts: list[Json]) -> Json:
    return {"format": "shardplan-profiles", "version": 1, **parts}


def taken_in(client: TestClient, body: Json, **options: object) -> Json:
    response = client.post(IMPORTS, json={"document": body, **options})
    assert response.status_code == 200, response.text
    return dict(response.json())


def names(client: TestClient, kind: str) -> list[str]:
    items = client.get(f"/api/v1/{kind}-profiles").json()["items"]
    return sorted(item["name"] for item in items)


def test_what_is_exported_is_imported_again_to_the_letter(client: TestClient) -> None:
    hardware = new_hardware_profile(
        notes="Quote 7\nuntil May", price_usd=52000.5, torch_bytes=90 * 2**30, bf16_native=False,
        network="8 × 400 Gb/s", network_gb_s=400.0,
    )  # fmt: skip
    client.post("/api/v1/hardware-profiles", json=hardware)
    client.post("/api/v1/model-profiles", json=new_model_profile(notes="Tokeniser v2"))
    client.post("/api/v1/model-profiles", json={"name": "Based", "base": "meta-llama/Llama-3.2-1B"})

    exported = client.get(ADDRESS).json()
    for kind in ("hardware", "model"):
        for item in client.get(f"/api/v1/{kind}-profiles").json()["items"]:
            client.delete(f"/api/v1/{kind}-profiles/{item['id']}", headers={"If-Match": "*"})
    report = taken_in(client, exported)

    assert [item["action"] for item in report["items"]] == ["created"] * 3
    again = client.get(ADDRESS).json()
    for part in ("model_profiles", "hardware_profiles"):
        ordered = [sorted(each[part], key=json.dumps) for each in (exported, again)]
        assert ordered[0] == ordered[1]
    assert {item["state"] for item in taken_in(client, exported)["items"]} == {"same"}


def test_a_preview_says_what_is_new_the_same_and_conflicting_and_saves_nothing(
    client: TestClient,
) -> None:
    same, mine = new_hardware_profile(name="Same"), new_hardware_profile(name="Mine")
    for body in (same, mine):
        client.post("/api/v1/hardware-profiles", json=body)
    theirs = new_hardware_profile(name="Mine", nodes=2, notes="theirs")
    new = new_hardware_profile(name="New")

    body = document(hardware_profiles=[same, theirs, new])
    report = taken_in(client, body, preview=True, on_conflict="replace")

    rows = [(item["name"], item["state"], item["action"]) for item in report["items"]]
    assert rows == [
        ("Same", "same", "unchanged"),
        ("Mine", "conflicting", "replaced"),
        ("New", "new", "created"),
    ]
    assert sorted(report["items"][1]["differences"]) == ["nodes", "notes"]
    assert (report["created"], report["replaced"], report["unchanged"]) == (1, 1, 1)
    assert names(client, "hardware") == ["Mine", "Same"]


@pytest.mark.parametrize(
    ("on_conflict", "nodes"), [("keep", [1]), ("replace", [2]), ("copy", [1, 2])]
)
def test_a_conflict_is_kept_replaced_or_saved_beside(
    client: TestClient, on_conflict: str, nodes: list[int]
) -> None:
    client.post("/api/v1/hardware-profiles", json=new_hardware_profile())
    body = document(hardware_profiles=[new_hardware_profile(nodes=2)])

    report = taken_in(client, body, on_conflict=on_conflict)

    items = client.get("/api/v1/hardware-profiles").json()["items"]
    assert sorted(item["nodes"] for item in items) == nodes
    assert report["items"][0]["id"] in {item["id"] for item in items}


def test_one_bad_profile_saves_none_and_every_bad_one_is_named(client: TestClient) -> None:
    good, bad = new_hardware_profile(name="Good"), new_hardware_profile(gpu="h1000")
    config = new_model_profile(config={"hidden_size": 63})

    response = client.post(
        IMPORTS, json={"document": document(hardware_profiles=[good, bad], model_profiles=[config])}
    )

    assert response.status_code == 422
    pointers = {error["pointer"] for error in response.json()["errors"]}
    assert pointers == {
        "/document/hardware_profiles/1/gpu",
        "/document/model_profiles/0/config/hidden_size",
    }
    assert names(client, "hardware") == names(client, "model") == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"version": 2}, "/document/version"),
        ({"format": "other"}, "/document/format"),
        ({"plans": []}, "/document/plans"),
    ],
)
def test_another_format_is_refused(client: TestClient, change: Json, pointer: str) -> None:
    response = client.post(IMPORTS, json={"document": document() | change})
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_the_plans_that_use_a_profile_are_listed_and_keep_what_it_was(client: TestClient) -> None:
    created = client.post("/api/v1/hardware-profiles", json=new_hardware_profile()).json()
    address = f"/api/v1/hardware-profiles/{created['id']}"
    body = new_plan()
    body["request"]["hardware"] = {"profile": created["id"]}
    plan = client.post("/api/v1/plans", json=body).json()
    client.post("/api/v1/plans", json=new_plan())

    used = client.get(f"{address}/plans").json()["items"]
    assert [item["id"] for item in used] == [plan["id"]]
    bigger = new_hardware_profile(gpu="h200-141-sxm")
    client.put(address, json=bigger, headers={"If-Match": "*"})
    assert client.get(f"/api/v1/plans/{plan['id']}").json() == plan
    client.delete(address, headers={"If-Match": "*"})

    kept = client.get(f"/api/v1/plans/{plan['id']}").json()
    assert kept["result"] == plan["result"]
    assert kept["job"]["hardware"]["gpu"]["id"] == "rtxpro6000-ws"
    assert client.get(f"{address}/plans").status_code == 404
