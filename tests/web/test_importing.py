"""The import page: what a config.json is, said at once, saved and planned with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.factories import LLAMA_CONFIG

GLM = Path(__file__).parents[1] / "data/configs/zai-org__GLM-4.5-Air.json"
UNKNOWN = {"model_type": "foo", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 1000}
FRAGMENT = {"HX-Request": "true"}


def test_a_pasted_config_says_family_parameters_and_layers(client: TestClient) -> None:
    page = client.post("/models/import", data={"config": GLM.read_text("utf-8")})

    assert page.status_code == 200
    assert "GLM-4.5: 106.85 B parameters" in page.text
    for said in ("106,852,245,504", "13,424,123,904", "2,341,492,736", "1,476,395,008"):
        assert said in page.text
    assert "128 experts of 1,408, 8 used, 1,408 shared" in page.text


def test_an_uploaded_file_is_read_and_stands_in_the_text_for_the_next_step(
    client: TestClient,
) -> None:
    page = client.post("/models/import", files={"file": ("config.json", GLM.read_bytes())})

    assert "106,852,245,504" in page.text
    assert "Glm4MoeForCausalLM" in page.text


def test_a_file_that_is_no_text_is_refused(client: TestClient) -> None:
    page = client.post("/models/import", files={"file": ("model.safetensors", b"\xff\xfe\x00")})

    assert page.status_code == 422
    assert "not UTF-8 text" in page.text


def test_planning_saves_the_model_and_opens_the_planner_with_it(client: TestClient) -> None:
    form = {"config": json.dumps(LLAMA_CONFIG), "name": "Ours", "action": "plan"}
    answer = client.post("/models/import", data=form, follow_redirects=False)

    (profile,) = client.get("/api/v1/model-profiles").json()["items"]
    assert profile["name"] == "Ours"
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/?model_profile={profile['id']}"
    assert "Ours" in client.get(answer.headers["Location"]).text


def test_saving_without_a_name_takes_family_and_size(client: TestClient) -> None:
    form = {"config": json.dumps(LLAMA_CONFIG), "action": "save"}
    answer = client.post("/models/import", data=form, follow_redirects=False)

    assert answer.headers["Location"] == "/models#saved"
    (profile,) = client.get("/api/v1/model-profiles").json()["items"]
    assert profile["name"].startswith("Llama, ")


def test_a_family_that_is_not_known_fills_in_the_dimensions_that_it_states(
    client: TestClient,
) -> None:
    page = client.post("/models/import", data={"config": json.dumps(UNKNOWN)})

    assert page.status_code == 422
    assert "is not supported" in page.text
    assert 'name="hidden_size" value="64"' in page.text
    assert 'name="num_hidden_layers" value="2"' in page.text


def test_an_estimate_from_dimensions_is_marked_as_an_assumption(client: TestClient) -> None:
    form = {"assume": "true", "hidden_size": "4,096", "num_hidden_layers": "32",
            "gated_mlp": "true", "num_attention_heads": "32", "intermediate_size": "14336",
            "vocab_size": "128256", "num_key_value_heads": "8",
            "action": "plan", "name": "Assumed"}  # fmt: skip
    answer = client.post("/models/import", data=form, follow_redirects=False)

    (profile,) = client.get("/api/v1/model-profiles").json()["items"]
    assert profile["parameters"]["total"] == 8_030_261_248
    (sentence,) = profile["facts"]["assumptions"]
    assert "assumed from named dimensions" in sentence
    assert "assumed from named dimensions" in client.get(answer.headers["Location"]).text


def test_a_missing_and_a_bad_dimension_are_said_beside_their_fields(client: TestClient) -> None:
    form = {"assume": "true", "hidden_size": "wide", "num_hidden_layers": "10000000000"}
    page = client.post("/models/import", data=form)

    assert page.status_code == 422
    for name in ("hidden_size", "num_attention_heads", "vocab_size"):
        assert f'id="i-error-{name}"><svg' in page.text


def test_htmx_gets_what_was_understood_alone(client: TestClient) -> None:
    form = {"config": json.dumps(LLAMA_CONFIG)}
    part = client.post("/models/import", data=form, headers=FRAGMENT)

    assert part.status_code == 200
    assert "<html" not in part.text
    assert "Largest tensor" in part.text


def test_htmx_gets_complaints_in_the_fragment_and_the_filled_in_dimensions(
    client: TestClient,
) -> None:
    part = client.post("/models/import", data={"config": json.dumps(UNKNOWN)}, headers=FRAGMENT)

    assert part.status_code == 200
    assert "is not supported" in part.text
    assert 'id="dimensions" hx-swap-oob="true"' in part.text


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("", "Paste a config.json"),
        ("{", "This is not JSON"),
        ("[]", "from { to }"),
        ('{"hidden_size": 1, "hidden_size": 2}', "stands there more than once"),
        ('{"hidden_size": NaN}', "finite number"),
        ("[" * 100_000, "Nest at most 32 levels"),
        (json.dumps({**LLAMA_CONFIG, "hidden_size": 10**9}), "hidden_size must lie between"),
    ],
)
def test_what_is_no_config_is_refused_with_a_remedy(
    client: TestClient, config: str, said: str
) -> None:
    page = client.post("/models/import", data={"config": config})

    assert page.status_code == 422
    assert said in page.text


def test_code_that_a_config_names_is_not_run_and_said_so(client: TestClient) -> None:
    config = {**LLAMA_CONFIG, "auto_map": {"AutoModelForCausalLM": "modeling_evil.Evil"}}
    page = client.post("/models/import", data={"config": json.dumps(config)})

    assert "neither fetched nor run" in page.text


def test_a_trained_tower_counts_and_what_does_not_is_said(client: TestClient) -> None:
    text = {**LLAMA_CONFIG, "model_type": "llama"}
    vision = {"model_type": "clip_vision_model", "hidden_size": 24, "num_hidden_layers": 2,
              "intermediate_size": 40, "image_size": 28, "patch_size": 7}  # fmt: skip
    config = {"model_type": "llava", "text_config": text, "vision_config": vision}
    form = {"config": json.dumps(config), "towers": "frozen"}

    assert "are frozen" in client.post("/models/import", data=form).text
    page = client.post("/models/import", data={**form, "towers": "trained", "action": "plan"})
    assert "are trained" in page.text
    (profile,) = client.get("/api/v1/model-profiles").json()["items"]
    assert profile["towers"] == "trained"
    assert profile["facts"]["trained"] == profile["parameters"]["total"]


def test_the_planner_chooses_a_saved_models_towers_for_one_job(client: TestClient) -> None:
    text = {**LLAMA_CONFIG, "model_type": "llama"}
    vision = {"model_type": "clip_vision_model", "hidden_size": 24, "num_hidden_layers": 2,
              "intermediate_size": 40, "image_size": 28, "patch_size": 7}  # fmt: skip
    seeing = {"model_type": "llava", "text_config": text, "vision_config": vision}
    saved, blind = (
        client.post("/api/v1/model-profiles", json={"name": name, "config": config}).json()["id"]
        for name, config in (("Seeing", seeing), ("Blind", text))
    )

    def notes(towers: str) -> str:
        return client.get(f"/?model_profile={saved}&towers={towers}&sequence_length=512").text

    assert 'name="towers"' in notes("")
    assert 'name="towers"' not in client.get(f"/?model_profile={blind}").text
    assert "are frozen" not in notes("")
    assert "are frozen" in notes("frozen")
    assert "are trained" in notes("trained")
    answer = client.post(
        "/api/v1/estimates",
        json={
            "model": {"profile": saved, "towers": "trained"},
            "hardware": {"gpu": "h100-80-sxm"},
            "training": {"method": "lora", "sequence_length": 512},
        },
    ).json()
    assert answer["errors"][0]["pointer"] == "/model/towers"
    page = notes("trained&method=lora")
    assert "LoRA and QLoRA leave towers frozen" in page
