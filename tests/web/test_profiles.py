from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass

import pytest
from starlette.testclient import TestClient

from tests.factories import LLAMA_CONFIG, Json, new_hardware_profile, new_plan

BOX = {"name": "Box <i>", "gpu": "h100-80-sxm", "gpus_per_node": "2", "price_usd": "$52,000"}
MODEL = {"name": "Mine <i>", "base": "meta-llama/Llama-3.2-1B"}


@dataclass(frozen=True)
class Kind:
    path: str
    form: dict[str, str]
    planner: str


KINDS = [
    Kind("/hardware-profiles", BOX, "hardware_profile"),
    Kind("/model-profiles", MODEL, "model_profile"),
]
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.path)


def saved(client: TestClient, path: str, form: dict[str, str]) -> str:
    """The address of a profile that a form has saved."""
    response = client.post(path, data=form, follow_redirects=False)
    assert response.status_code == 303, response.text
    return response.headers["location"].partition("?")[0]


def told(text: str, name: str) -> str:
    found = re.search(rf'id="p-error-{name}"><svg.*?<span>(.*?)</span>', text, re.DOTALL)
    return html.unescape(found[1]) if found else ""


def fields(text: str) -> dict[str, str]:
    """What a profile's form would send."""
    form = text[text.index("<form class=") :]
    found = dict(re.findall(r'<input[^>]* name="([^"]+)" value="([^"]*)"', form))
    areas = re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL)
    for select in re.findall(r"<select.*?</select>", form, re.DOTALL):
        (name,) = re.findall(r'name="([^"]+)"', select)
        chosen = re.findall(r'<option(?: value="([^"]*)")? selected>([^<]*)', select)
        found[name] = (chosen[0][0] or chosen[0][1]) if chosen else ""
    return {name: html.unescape(value) for name, value in (*found.items(), *areas)}


@kinds
def test_a_profile_is_saved_read_planned_with_and_listed(client: TestClient, kind: Kind) -> None:
    address = saved(client, kind.path, kind.form)
    text = client.get(address).text
    assert html.escape(kind.form["name"]) in text
    assert kind.form["name"] not in text
    profile_id = address.rpartition("/")[2]
    assert client.get(f"/?{kind.planner}={profile_id}").status_code == 200
    assert f'href="{address}"' in client.get("/profiles").text
    listed = "/gpus" if kind.path.startswith("/hardware") else "/models"
    assert f'href="{address}"' in client.get(listed).text


@kinds
def test_a_form_that_is_sent_back_unchanged_changes_nothing(client: TestClient, kind: Kind) -> None:
    address = saved(client, kind.path, kind.form)
    api = f"/api/v1{address}"
    before = client.get(api).json()
    client.post(address, data=fields(client.get(address).text))
    after = client.get(api).json()
    assert after["version"] == 2
    kept = before.keys() - {"version", "updated_at"}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_own_facts_survive_the_form_to_the_last_byte(client: TestClient) -> None:
    body = new_hardware_profile(
        torch_bytes=96_123_456_789, bf16_native=False, pcie_gb_s=12.5, interconnect="bridge",
        usable_memory_bytes=80_000_000_001, network_gb_s=400.0, price_usd=8_499.99,
        notes="Two\nlines",
    )  # fmt: skip
    created = client.post("/api/v1/hardware-profiles", json=body).json()
    address = f"/hardware-profiles/{created['id']}"
    client.post(address, data=fields(client.get(address).text))
    after = client.get(f"/api/v1{address}").json()
    assert after["version"] == 2
    for name in ("overrides", "price_usd", "network_gb_s", "notes", "gpu_facts"):
        assert after[name] == created[name]


@kinds
def test_a_copy_stands_beside_its_original(client: TestClient, kind: Kind) -> None:
    address = saved(client, kind.path, kind.form)
    copy = client.post(f"{address}/duplicate", follow_redirects=False).headers["location"]
    ours, theirs = (
        client.get(f"/api/v1{path}").json() for path in (address, copy.partition("?")[0])
    )
    assert theirs["id"] != ours["id"]
    assert theirs["name"] == f"Copy of {ours['name']}"
    for name in ("gpu", "overrides", "base", "config"):
        assert theirs.get(name) == ours.get(name)


@kinds
def test_deleting_asks_first_and_names_the_plans_that_use_it(
    client: TestClient, kind: Kind
) -> None:
    address = saved(client, kind.path, kind.form)
    profile_id = address.rpartition("/")[2]
    assert "No plan uses it" in client.get(f"{address}/delete").text
    part = "hardware" if kind.path.startswith("/hardware") else "model"
    body = new_plan(name="Quote 1042")
    body["request"][part] = {"profile": profile_id}
    plan = client.post("/api/v1/plans", json=body).json()["id"]

    asked = client.get(f"{address}/delete").text
    assert "1 plan was made with it" in asked
    assert f'href="/plans/{plan}"' in asked
    assert f'href="/plans/{plan}"' in client.get(address).text
    assert client.post(f"{address}/delete", data={"version": "9"}).status_code == 412
    assert "Deleted." in client.post(f"{address}/delete", data={"version": "1"}).text
    assert client.get(address).status_code == 404
    assert client.get(f"/plans/{plan}").status_code == 200


def test_a_fact_goes_back_to_the_catalogue(client: TestClient) -> None:
    address = saved(client, "/hardware-profiles", BOX | {"torch_bytes": "70 GiB", "power_w": "500"})
    text = client.get(address).text
    assert 'value="71,680"' in text
    assert "81,080 MiB" in text
    form = fields(text) | {"reset": "torch_bytes"}
    client.post(address, data=form)
    assert client.get(f"/api/v1{address}").json()["overrides"] == {"power_w": 500}
    client.post(address, data=fields(client.get(address).text) | {"reset": "all"})
    assert client.get(f"/api/v1{address}").json()["overrides"] == {}


def test_another_gpus_facts_are_shown_before_anything_is_saved(client: TestClient) -> None:
    form = BOX | {"gpu": "l4", "look": "facts"}
    text = client.post("/hardware-profiles", data=form).text
    assert "22,563 MiB" in text
    assert client.get("/api/v1/hardware-profiles").json()["items"] == []


def test_every_bad_field_of_a_system_is_told_at_once_and_kept(client: TestClient) -> None:
    form = BOX | {"nodes": "x", "nvme_gib": "", "price_usd": "dear", "torch_bytes": "much"}
    response = client.post("/hardware-profiles", data=form)
    assert response.status_code == 422
    for name in ("nodes", "nvme_gib", "price_usd", "torch_bytes"):
        assert told(response.text, name), name
    assert 'value="dear"' in response.text
    more = client.post("/hardware-profiles", data=BOX | {"torch_bytes": "900 GiB"})
    assert "driver reports" in told(more.text, "torch_bytes")


def test_a_change_from_an_old_version_is_told_and_its_text_kept(client: TestClient) -> None:
    address = saved(client, "/model-profiles", MODEL)
    form = fields(client.get(address).text)
    client.post(address, data=form | {"name": "Theirs"})
    response = client.post(address, data=form | {"name": "Ours"})
    assert response.status_code == 412
    assert "Somebody else has changed this" in response.text
    assert fields(response.text)["name"] == "Ours"
    client.post(address, data=fields(response.text))
    assert client.get(f"/api/v1{address}").json()["name"] == "Ours"


def test_a_config_is_edited_and_a_bad_one_told_beside_it(client: TestClient) -> None:
    config = json.dumps(LLAMA_CONFIG)
    address = saved(client, "/model-profiles", {"name": "Ours", "config": config})
    form = fields(client.get(address).text)
    deeper = json.loads(form["config"]) | {"num_hidden_layers": 3}
    client.post(address, data=form | {"config": json.dumps(deeper)})
    assert client.get(f"/api/v1{address}").json()["config"]["num_hidden_layers"] == 3
    for bad, words in (
        ("{oops", "not JSON"),
        ("[1]", "from { to }"),
        ('{"model_type": "llama"}', "hidden_size"),
        ("[" * 100_000, "Nest at most"),
        ('{"hidden_size": NaN}', "hidden_size: Use a finite number."),
    ):
        response = client.post(address, data=form | {"version": "2", "config": bad})
        assert response.status_code == 422
        assert words in told(response.text, "config")


def test_a_catalogue_model_starts_a_profile_as_it_is_or_as_a_config(client: TestClient) -> None:
    path = "/model-profiles/new?base=google/gemma-2-2b"
    assert fields(client.get(path).text)["base"] == "google/gemma-2-2b"
    config = fields(client.get(f"{path}&with=config").text)["config"]
    assert json.loads(config)["model_type"] == "gemma2"


@pytest.mark.parametrize("version", ["99999999999999999999", "0", "-1", "x", ""])
@pytest.mark.parametrize("kind", ["plans/pl_", "model-profiles/mp_", "hardware-profiles/hw_"])
def test_a_version_that_none_can_have_needs_a_correction(
    client: TestClient, kind: str, version: str
) -> None:
    path = f"/{kind}0123456789abcdef/delete"
    assert client.post(path, data={"version": version}).status_code == 422


def exported(client: TestClient) -> Json:
    response = client.get("/profiles/export.json")
    assert response.headers["content-disposition"].startswith("attachment")
    return dict(response.json())


def test_an_import_is_looked_at_before_it_is_done(client: TestClient) -> None:
    address = saved(client, "/hardware-profiles", BOX)
    document = exported(client)
    document["hardware_profiles"][0]["nodes"] = 4
    document["model_profiles"] = [{"name": "New", "base": "meta-llama/Llama-3.2-1B"}]
    file = {"file": ("profiles.json", json.dumps(document).encode(), "application/json")}

    looked = client.post("/profiles/import", files=file).text
    assert "Nothing is saved yet" in looked
    assert "in nodes" in looked
    assert client.get("/api/v1/model-profiles").json()["items"] == []

    kept = re.search(r'<input type="hidden" name="document" value="([^"]*)"', looked)
    assert kept
    form = {"document": html.unescape(kept[1]), "on_conflict": "replace", "save": "yes"}
    done = client.post("/profiles/import", data=form).text
    assert "What became of each profile" in done
    assert client.get(f"/api/v1{address}").json()["nodes"] == 4
    assert len(client.get("/api/v1/model-profiles").json()["items"]) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("[]", "from { to }"),
        ('{"format": "shardplan-profiles", "version": 2}', "version"),
        (
            json.dumps(
                {
                    "format": "shardplan-profiles",
                    "version": 1,
                    "hardware_profiles": [{"name": "x", "gpu": "nope"}],
                }
            ),
            "System 1, gpu: There is no GPU",
        ),
    ],
)
def test_what_cannot_be_imported_is_told_and_kept(
    client: TestClient, text: str, words: str
) -> None:
    response = client.post("/profiles/import", data={"document": text})
    assert response.status_code == 422
    assert words in html.unescape(response.text)
    assert html.escape(text).replace("&quot;", "&#34;") in response.text
