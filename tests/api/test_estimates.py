"""`POST /api/v1/estimates` as quoting tools build on it: names, units, types and refusals."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from app.domain.strategies import STRATEGIES
from app.domain.version import ENGINE_VERSION
from app.schemas.estimates import ESTIMATE_RESPONSE
from app.schemas.examples import ESTIMATE_REQUESTS
from tests.factories import LLAMA_CONFIG, Json, estimate_request

ESTIMATES = "/api/v1/estimates"
GROUPS = {"weights", "gradients", "optimizer_states", "activations", "logits_and_loss", "buffers"}
PHASES = {"setup", "forward", "backward", "step", "resident"}
BYTES = ("reserved_bytes", "device_used_bytes", "headroom_bytes", "host_bytes", "nvme_bytes")


def post(client: TestClient, body: Any) -> Response:
    return client.post(ESTIMATES, json=body)


def answer(client: TestClient, **changes: Any) -> Json:
    response = post(client, estimate_request(**changes))
    assert response.status_code == 200, response.text
    return dict(response.json())


def only(client: TestClient, **changes: Any) -> Json:
    (estimate,) = answer(client, **changes)["estimates"]
    return dict(estimate)


def refused(client: TestClient, body: Any) -> list[Json]:
    """The bad fields of a refusal in the form that every error has."""
    response = post(client, body)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert {"type", "title", "status", "detail", "errors"} <= set(problem)
    assert problem["status"] == 422
    return list(problem["errors"])


@pytest.mark.parametrize("name", ESTIMATE_REQUESTS)
def test_every_request_that_the_documentation_shows_is_answered(
    client: TestClient, name: str
) -> None:
    response = post(client, ESTIMATE_REQUESTS[name]["value"])
    assert response.status_code == 200, response.text
    read = ESTIMATE_RESPONSE.validate_json(response.content, strict=True)
    assert {e.verdict for e in read.estimates} & {"fits", "tight", "does_not_fit"}


def test_the_answer_names_the_training_loop_that_it_assumes(client: TestClient) -> None:
    assert answer(client)["trainer"] == "pytorch"
    assert answer(client, options={"trainer": "hf_trainer"})["trainer"] == "hf_trainer"
    (error,) = refused(client, estimate_request(options={"trainer": "lightning"}))
    assert error["pointer"] == "/options/trainer"


def test_a_model_and_a_gpu_are_enough_for_every_strategy(client: TestClient) -> None:
    body = {"model": {"id": "meta-llama/Llama-3.1-8B"}, "hardware": {"gpu": "h100-80-sxm"}}
    response = post(client, body)
    assert response.status_code == 200
    found = [e["strategy"] for e in response.json()["estimates"]]
    assert found == list(STRATEGIES)
    assert set(found) == {
        *("ddp", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload_optimizer"),
        *("zero3_offload", "zero_infinity", "fsdp2", "fsdp2_shard_grad_op", "fsdp2_offload"),
        *("fsdp2_hybrid", "fsdp1", "fsdp1_shard_grad_op"),
    }


def test_an_empty_training_object_is_a_sensible_job(client: TestClient) -> None:
    named = {
        "method": "full",
        "precision": "bf16_mixed",
        "optimizer": "adamw",
        "optimizer_kernel": "fused",
        "sequence_length": 2048,
        "micro_batch_size": 1,
        "gradient_accumulation_steps": 1,
        "activation_checkpointing": True,
        "attention": "sdpa",
        "fused_loss": False,
        "lora": {"rank": 16, "target_modules": "all-linear"},
    }
    body = estimate_request()
    empty = post(client, {**body, "training": {}}).json()
    assert empty == post(client, {**body, "training": named}).json()


def test_the_answer_has_the_contracts_fields(client: TestClient) -> None:
    found = answer(client, strategies=["zero3"])
    assert found["engine_version"] == ENGINE_VERSION
    assert isinstance(found["catalog_version"], str)
    assert set(found["model"]) >= {
        "id",
        "total_parameters",
        "trainable_parameters",
        "active_parameters",
    }
    assert set(found["capacity"]) >= {
        "device_bytes",
        "reserved_for_runtime_bytes",
        "usable_bytes",
    }
    (estimate,) = found["estimates"]
    assert set(estimate) >= {
        *("strategy", "title", "framework", "verdict", "peak", "phases", "components"),
        *BYTES,
        *("max_micro_batch_size", "notes", "evidence"),
    }
    assert set(estimate["peak"]) >= {"phase", "allocated_bytes", "low_bytes", "high_bytes"}
    assert set(estimate["phases"]) == PHASES
    assert set(estimate["evidence"]) >= {"measured_runs", "mean_abs_error", "nearest"}
    for component in estimate["components"]:
        assert set(component) >= {
            *("name", "group", "bytes", "formula", "values", "source", "source_url")
        }


def assert_whole(value: Any, path: str = "") -> None:
    """Every number is a whole one, except a mean error."""
    if isinstance(value, dict):
        for key, item in value.items():
            assert_whole(item, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            assert_whole(item, f"{path}/{index}")
    elif isinstance(value, float):
        assert path.endswith(("mean_abs_error", "worst_error")), path


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
def test_bytes_are_whole_and_components_sum_to_the_largest_phase(
    client: TestClient, method: str
) -> None:
    found = answer(client, strategies=None, hardware={"nodes": 2}, training={"method": method})
    assert_whole(found)
    possible = [e for e in found["estimates"] if e["verdict"] != "unsupported"]
    assert len(possible) >= 11
    for estimate in possible:
        peak, phases = estimate["peak"], estimate["phases"]
        allocated = peak["allocated_bytes"]
        assert allocated == max(phases["forward"], phases["backward"], phases["step"])
        assert phases[peak["phase"]] == allocated
        assert sum(c["bytes"] for c in estimate["components"]) == allocated
        assert {c["group"] for c in estimate["components"]} <= GROUPS
        assert peak["low_bytes"] <= allocated <= peak["high_bytes"]
        assert estimate["headroom_bytes"] == found["capacity"]["usable_bytes"] - allocated
        assert estimate["framework"] in ("pytorch_ddp", "deepspeed", "pytorch_fsdp")


def test_unsupported_is_an_answer_with_null_numbers_and_a_reason(client: TestClient) -> None:
    found = only(client, hardware={"gpu": "v100-32-sxm"})
    assert found["verdict"] == "unsupported"
    assert found["notes"] == [
        "Tesla V100 SXM2 32GB has no bf16 arithmetic. Use precision fp16_mixed or fp32."
    ]
    assert [found[name] for name in BYTES] == [None] * len(BYTES)
    assert (found["peak"], found["phases"], found["components"]) == (None, None, [])
    assert found["max_micro_batch_size"] is None


def test_strategies_keep_their_order(client: TestClient) -> None:
    found = answer(client, strategies=["fsdp2", "ddp", "zero1"])["estimates"]
    assert [e["strategy"] for e in found] == ["fsdp2", "ddp", "zero1"]


def test_the_verdict_is_for_the_memory_and_the_allocator_that_were_given(
    client: TestClient,
) -> None:
    peak = only(client)["peak"]["allocated_bytes"]
    usable = {"usable_memory_bytes": peak * 108 // 100}
    assert only(client, hardware=usable)["verdict"] == "tight"
    expandable = {"allocator": "expandable_segments"}
    assert only(client, hardware=usable, options=expandable)["verdict"] == "fits"
    assert only(client, hardware={"usable_memory_bytes": peak // 2})["verdict"] == "does_not_fit"


def test_the_largest_micro_batch_can_be_posted_and_fits(client: TestClient) -> None:
    largest = only(client)["max_micro_batch_size"]
    assert largest > 1
    assert only(client, training={"micro_batch_size": largest})["verdict"] == "fits"
    assert only(client, training={"micro_batch_size": largest + 1})["verdict"] != "fits"


def test_a_hugging_face_config_stands_for_a_model(client: TestClient) -> None:
    config = {**LLAMA_CONFIG, "a_key_of_the_publishers": {"any": 1}}
    body = {**estimate_request(), "model": {"config": config}}
    response = post(client, body)
    assert response.status_code == 200, response.text
    assert response.json()["model"]["total_parameters"] == 202_048


def test_deepspeeds_own_keys_are_taken_as_its_configs_write_them(client: TestClient) -> None:
    """Floats for whole numbers, "auto", and keys that move no memory."""
    plain = only(client, options={"deepspeed": {"reduce_bucket_size": 500_000_000}})
    written = {
        "stage": 3,
        "reduce_bucket_size": 5e8,
        "round_robin_gradients": True,
        "offload_optimizer": {"device": "none"},
    }
    assert only(client, options={"deepspeed": written}) == plain
    automatic = only(client, options={"deepspeed": {"reduce_bucket_size": "auto"}})
    saved = 2 * (500_000_000 - 2048**2)
    assert plain["phases"]["setup"] - automatic["phases"]["setup"] == saved


@pytest.mark.parametrize("size", [1.5, -1, "big", "5e8", None, [1], 2**60])
def test_a_size_that_is_none_is_refused(client: TestClient, size: Any) -> None:
    (error,) = refused(
        client, estimate_request(options={"deepspeed": {"reduce_bucket_size": size}})
    )
    assert error["pointer"] == "/options/deepspeed/reduce_bucket_size"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"extra": 1}, "/extra"),
        ({"model": {"size": 1}}, "/model/size"),
        ({"hardware": {"gpus": 8}}, "/hardware/gpus"),
        ({"training": {"batch": 8}}, "/training/batch"),
        ({"training": {"lora": {"alpha": 8}}}, "/training/lora/alpha"),
        ({"options": {"zero": {}}}, "/options/zero"),
        ({"options": {"fsdp": {"wrap": 1}}}, "/options/fsdp/wrap"),
    ],
)
def test_an_unknown_field_is_refused_by_its_pointer(
    client: TestClient, changes: Json, pointer: str
) -> None:
    (error,) = refused(client, estimate_request(**changes))
    assert error["pointer"] == pointer
    assert error["detail"]


@pytest.mark.parametrize(
    ("changes", "pointer", "near"),
    [
        ({"model": {"id": "meta-llama/Llama-3.2-1b"}}, "/model/id", "meta-llama/Llama-3.2-1B"),
        ({"hardware": {"gpu": "h100-sxm"}}, "/hardware/gpu", "h100-80-sxm"),
        ({"strategies": ["ddp", "zero_3"]}, "/strategies/1", "zero3"),
        ({"training": {"method": "qlora2"}}, "/training/method", "qlora"),
        ({"training": {"optimizer": "adam"}}, "/training/optimizer", "adamw"),
        ({"training": {"sequence_lenght": 1}}, "/training/sequence_lenght", "sequence_length"),
        (
            {"training": {"method": "lora", "lora": {"target_modules": ["c_attn"]}}},
            "/training/lora/target_modules",
            "q_proj",
        ),
    ],
)
def test_what_is_unknown_is_told_the_nearest(
    client: TestClient, changes: Json, pointer: str, near: str
) -> None:
    (error,) = refused(client, estimate_request(**changes))
    assert error["pointer"] == pointer
    assert near in error["detail"]


def test_every_unknown_strategy_is_named_at_once(client: TestClient) -> None:
    errors = refused(client, estimate_request(strategies=["zero9", "ddp", "fsdp9"]))
    assert [e["pointer"] for e in errors] == ["/strategies/0", "/strategies/2"]


def test_two_models_are_one_too_many(client: TestClient) -> None:
    (error,) = refused(client, estimate_request(model={"config": LLAMA_CONFIG}))
    assert error["pointer"] == "/model"
    assert "exactly one of id, profile, config or dimensions" in error["detail"]


def test_a_sequence_beyond_the_models_positions_is_told_the_longest(client: TestClient) -> None:
    asked = {"model": {"id": "openai-community/gpt2"}, "training": {"sequence_length": 4096}}
    (error,) = refused(client, estimate_request(**asked))
    assert error["pointer"] == "/training/sequence_length"
    assert "Use 1,024 or less." in error["detail"]


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("training", "sequence_length", 0),
        ("training", "micro_batch_size", 0),
        ("training", "micro_batch_size", 1.5),
        ("training", "gradient_accumulation_steps", -1),
        ("hardware", "gpus_per_node", 0),
        ("hardware", "nodes", 0),
        ("hardware", "host_memory_gib", -1),
        ("hardware", "usable_memory_bytes", 0),
        ("hardware", "nodes", 10**30),
    ],
)
def test_a_number_out_of_bounds_is_refused(
    client: TestClient, section: str, field: str, value: float
) -> None:
    (error,) = refused(client, estimate_request(**{section: {field: value}}))
    assert error["pointer"] == f"/{section}/{field}"


def test_the_largest_job_that_may_be_asked_for_is_answered(client: TestClient) -> None:
    largest = {
        "model": {"id": "meta-llama/Llama-4-Scout-17B-16E"},
        "hardware": {"gpus_per_node": 1_024, "nodes": 65_536},
        "training": {
            "sequence_length": 10_485_760,
            "micro_batch_size": 65_536,
            "attention": "eager",
            "activation_checkpointing": False,
        },
        "strategies": None,
    }
    assert_whole(answer(client, **largest))


@pytest.mark.parametrize("body", [[], "x", 1, None, {}])
def test_a_body_that_is_no_request_is_refused(client: TestClient, body: Any) -> None:
    assert refused(client, body)


def test_nothing_is_stored(client: TestClient) -> None:
    answer(client)
    assert client.get("/api/v1/plans").json()["items"] == []


def test_a_saved_machine_and_a_saved_model_can_be_named(client: TestClient) -> None:
    machine = client.post(
        "/api/v1/hardware-profiles",
        json={"name": "Rack", "gpu": "h100-80-sxm", "gpus_per_node": 2},
    ).json()
    model = client.post(
        "/api/v1/model-profiles", json={"name": "Ours", "config": LLAMA_CONFIG}
    ).json()
    body = {
        **estimate_request(),
        "model": {"profile": model["id"]},
        "hardware": {"profile": machine["id"]},
    }
    response = post(client, body)
    assert response.status_code == 200, response.text
    assert response.json()["model"]["total_parameters"] == 202_048
