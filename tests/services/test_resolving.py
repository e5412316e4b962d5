"""From what was asked to a job, or to the field that cannot be answered and what to put there."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.errors import FieldError, InvalidInput
from app.domain.estimate import Evaluator
from app.domain.job import Job
from app.domain.strategies import STRATEGIES
from app.domain.training import DeepSpeedOptions, Options, Training
from app.domain.units import GIB
from app.schemas.estimates import EstimateRequest
from app.services.resolving import Resolver, chosen_strategies
from tests.factories import LLAMA_CONFIG, Json, estimate_request

MINIMAL: Json = {"model": {"id": "meta-llama/Llama-3.1-8B"}, "hardware": {"gpu": "h100-80-sxm"}}


def resolve(resolver: Resolver, body: Json) -> Job:
    return resolver.job(EstimateRequest.model_validate(body))


def refused(resolver: Resolver, body: Json) -> FieldError:
    with pytest.raises(InvalidInput) as caught:
        resolve(resolver, body)
    (error,) = caught.value.errors
    return error


def test_what_is_not_said_has_the_contracts_defaults(resolver: Resolver) -> None:
    found = resolve(resolver, MINIMAL)
    assert found.training == Training()
    assert found.options == Options()
    assert found.hardware.world_size == 1
    assert found.hardware.usable_memory_bytes is None


def test_everything_that_is_said_reaches_the_job(resolver: Resolver) -> None:
    training: Json = {
        "method": "lora",
        "precision": "fp16_mixed",
        "optimizer": "lion",
        "optimizer_kernel": "foreach",
        "sequence_length": 77,
        "micro_batch_size": 3,
        "gradient_accumulation_steps": 5,
        "activation_checkpointing": False,
        "attention": "eager",
        "fused_loss": True,
        "lora": {"rank": 7, "target_modules": ["q_proj", "v_proj"]},
    }
    hardware: Json = {
        "gpu": "rtxpro6000-ws",
        "gpus_per_node": 4,
        "nodes": 3,
        "host_memory_gib": 100,
        "nvme_gib": 200,
        "usable_memory_bytes": 12_345,
    }
    options: Json = {
        "fsdp": {"reduce_dtype": "bf16"},
        "allocator": "expandable_segments",
        "trainer": "hf_trainer",
    }
    body = {**MINIMAL, "training": training, "hardware": hardware, "options": options}
    found = resolve(resolver, body)
    assert {name: getattr(found.training, name) for name in training if name != "lora"} == {
        name: value for name, value in training.items() if name != "lora"
    }
    assert found.training.lora.rank == 7
    assert found.training.lora.target_modules == ("q_proj", "v_proj")
    assert found.hardware.gpu.id == "rtxpro6000-ws"
    assert (found.hardware.gpus_per_node, found.hardware.nodes) == (4, 3)
    assert found.hardware.host_memory_bytes == 100 * GIB
    assert found.hardware.nvme_bytes == 200 * GIB
    assert found.hardware.usable_memory_bytes == 12_345
    assert found.options.fsdp_reduce_dtype == "bf16"
    assert found.options.allocator == "expandable_segments"
    assert found.options.trainer == "hf_trainer"


def test_a_catalogue_model_is_the_catalogues(resolver: Resolver) -> None:
    spec = resolve(resolver, MINIMAL).spec
    assert spec.id == "meta-llama/Llama-3.1-8B"
    assert spec.total_parameters == 8_030_261_248


def test_a_config_is_read_as_hugging_face_writes_it(resolver: Resolver) -> None:
    spec = resolve(
        resolver,
        {**MINIMAL, "model": {"config": LLAMA_CONFIG}, "training": {"sequence_length": 128}},
    ).spec
    assert spec.hidden_size == LLAMA_CONFIG["hidden_size"]
    assert spec.id == "imported config"


def test_saved_profiles_stand_for_model_and_machine(resolver: Resolver) -> None:
    found = resolve(resolver, {"model": {"profile": "mine"}, "hardware": {"profile": "mine"}})
    assert found.spec.id == "Our model"
    assert found.hardware.world_size == 6


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"model": {"profile": "no"}, "hardware": MINIMAL["hardware"]}, "/model/profile"),
        ({"model": MINIMAL["model"], "hardware": {"profile": "no"}}, "/hardware/profile"),
    ],
)
def test_an_unknown_profile_is_a_bad_field(resolver: Resolver, body: Json, pointer: str) -> None:
    assert refused(resolver, body).pointer == pointer


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("meta-llama/Llama-3.1-8b", "meta-llama/Llama-3.1-8B"),
        ("llama-3.1-70b", "meta-llama/Llama-3.1-70B"),
    ],
)
def test_an_unknown_model_names_the_nearest(resolver: Resolver, asked: str, near: str) -> None:
    error = refused(resolver, {**MINIMAL, "model": {"id": asked}})
    assert error.pointer == "/model/id"
    assert near in error.detail


def test_an_unknown_gpu_names_the_nearest(resolver: Resolver) -> None:
    error = refused(resolver, {**MINIMAL, "hardware": {"gpu": "h100-80gb-sxm"}})
    assert error.pointer == "/hardware/gpu"
    assert "h100-80-sxm" in error.detail


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({}, "Give exactly one of id, profile, config or dimensions."),
        (
            {"id": "a", "profile": "b"},
            "Give exactly one of id, profile, config or dimensions; id and profile were given.",
        ),
        (
            {"id": "a", "config": {}},
            "Give exactly one of id, profile, config or dimensions; id and config were given.",
        ),
    ],
)
def test_none_or_two_models_are_refused(resolver: Resolver, model: Json, said: str) -> None:
    assert refused(resolver, {**MINIMAL, "model": model}) == FieldError("/model", said)


@pytest.mark.parametrize("hardware", [{}, {"gpu": "h100-80-sxm", "profile": "mine"}])
def test_none_or_two_machines_are_refused(resolver: Resolver, hardware: Json) -> None:
    error = refused(resolver, {**MINIMAL, "hardware": hardware})
    assert error == FieldError("/hardware", "Give exactly one of gpu or profile.")


def test_a_sequence_beyond_the_models_positions_names_the_longest(resolver: Resolver) -> None:
    body = {**MINIMAL, "model": {"id": "openai-community/gpt2"}}
    longest = resolve(resolver, {**body, "training": {"sequence_length": 1024}})
    assert longest.training.sequence_length == longest.spec.max_position
    error = refused(resolver, {**body, "training": {"sequence_length": 1025}})
    assert error.pointer == "/training/sequence_length"
    assert error.detail.endswith("supports up to 1,024 tokens. Use 1,024 or less.")


def test_auto_is_what_hugging_face_trainer_fills_in_from_the_hidden_size(
    resolver: Resolver,
) -> None:
    """h², 0.9·h² and 10·h; keys that it does not fill keep DeepSpeed's default."""
    keys = [name for name, value in vars(DeepSpeedOptions()).items() if type(value) is int]
    body = {**MINIMAL, "options": {"deepspeed": dict.fromkeys(keys, "auto")}}
    found = resolve(resolver, body)
    h = found.spec.hidden_size
    assert found.options.deepspeed == DeepSpeedOptions(
        reduce_bucket_size=h * h,
        stage3_prefetch_bucket_size=int(0.9 * h * h),
        stage3_param_persistence_threshold=10 * h,
    )


@pytest.mark.parametrize("size", [5e8, 500_000_000])
def test_a_size_may_be_written_as_deepspeeds_examples_write_it(
    resolver: Resolver, size: Any
) -> None:
    keys = ["reduce_bucket_size", "sub_group_size", "stage3_max_live_parameters"]
    body = {**MINIMAL, "options": {"deepspeed": dict.fromkeys(keys, size)}}
    found = resolve(resolver, body).options.deepspeed
    for key in keys:
        assert getattr(found, key) == 500_000_000
        assert type(getattr(found, key)) is int


@pytest.mark.parametrize("given", [True, False, None])
def test_overlapped_communication_is_deepspeeds_default_unless_said(
    resolver: Resolver, given: bool | None
) -> None:
    body = {**MINIMAL, "options": {"deepspeed": {} if given is None else {"overlap_comm": given}}}
    assert resolve(resolver, body).options.deepspeed.overlap_comm is given


def test_deepspeeds_other_keys_change_nothing(resolver: Resolver) -> None:
    body = estimate_request(options={"deepspeed": {"round_robin_gradients": True, "x": [1]}})
    assert resolve(resolver, body).options == Options()


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("reduce_bucket_sise", "reduce_bucket_size"),
        ("stage_3_max_live_parameters", "stage3_max_live_parameters"),
        ("prefetch_bucket_size", "stage3_prefetch_bucket_size"),
        ("round_robin_gradient", "round_robin_gradients"),
    ],
)
def test_a_misspelt_key_of_deepspeed_is_told_the_one_that_was_meant(
    resolver: Resolver, key: str, meant: str
) -> None:
    error = refused(resolver, estimate_request(options={"deepspeed": {key: 1}}))
    assert error.pointer == f"/options/deepspeed/{key}"
    assert error.detail.endswith(f"did you mean {meant!r}?")


def test_a_key_that_is_near_none_of_deepspeeds_is_carried(resolver: Resolver) -> None:
    keys = {"overlap_events": False, "cpu_offload": True, "y" * 10_000: 1}
    assert resolve(resolver, estimate_request(options={"deepspeed": keys})).options == Options()


def test_no_more_memory_can_be_used_than_the_card_has(resolver: Resolver) -> None:
    most = resolve(resolver, MINIMAL).hardware.gpu.driver_bytes
    body = estimate_request(hardware={"usable_memory_bytes": most})
    assert resolve(resolver, body).hardware.usable_memory_bytes == most
    error = refused(resolver, estimate_request(hardware={"usable_memory_bytes": most + 1}))
    assert error.pointer == "/hardware/usable_memory_bytes"
    assert f"Use {most:,} or less." in error.detail


def test_a_lora_target_that_the_model_lacks_names_those_it_has(resolver: Resolver) -> None:
    training = {"method": "lora", "lora": {"target_modules": ["q_proj", "c_attn"]}}
    asked = resolve(resolver, {**MINIMAL, "training": training})
    with pytest.raises(InvalidInput) as caught:
        Evaluator(asked)
    (error,) = caught.value.errors
    assert error.pointer == "/training/lora/target_modules"
    assert "c_attn" in error.detail
    assert "q_proj" in error.detail.partition("Use")[2]


def test_all_strategies_stand_in_registry_order_when_none_is_asked_for() -> None:
    assert [s.id for s in chosen_strategies(None)] == list(STRATEGIES)


def test_strategies_keep_the_order_asked_for_once_each() -> None:
    found = chosen_strategies(["zero3", "ddp", "zero3", "fsdp2"])
    assert [s.id for s in found] == ["zero3", "ddp", "fsdp2"]


def test_every_unknown_strategy_is_named_with_the_nearest() -> None:
    with pytest.raises(InvalidInput) as caught:
        chosen_strategies(["zero4", "ddp", "fdsp2"])
    first, second = caught.value.errors
    assert (first.pointer, second.pointer) == ("/strategies/0", "/strategies/2")
    assert "Did you mean zero" in first.detail
    assert "Did you mean fsdp2" in second.detail


def test_a_name_close_to_none_still_gets_suggestions_and_is_cut() -> None:
    with pytest.raises(InvalidInput) as caught:
        chosen_strategies(["~" * 10_000])
    (error,) = caught.value.errors
    assert "Did you mean ddp" in error.detail
    assert len(error.detail) < 200


def test_a_sequence_length_that_is_left_out_suits_a_model_with_few_positions(
    resolver: Resolver,
) -> None:
    body: Json = {"model": {"id": "openai-community/gpt2"}, "hardware": {"gpu": "h100-80-sxm"}}
    assert resolve(resolver, body).training.sequence_length == 1024


def test_a_trained_tower_needs_full_fine_tuning(resolver: Resolver) -> None:
    vision = {"model_type": "clip_vision_model", "hidden_size": 24, "num_hidden_layers": 1}
    config = {"model_type": "llava", "text_config": LLAMA_CONFIG, "vision_config": vision}
    model = {"config": config, "towers": "trained"}
    assert resolver.job(EstimateRequest.model_validate({**MINIMAL, "model": model})).spec.towers
    error = refused(resolver, {**MINIMAL, "model": model, "training": {"method": "lora"}})
    assert error.pointer == "/model/towers"
    assert "frozen" in error.detail


def test_towers_are_read_from_a_config_alone(resolver: Resolver) -> None:
    model = {"id": "meta-llama/Llama-3.1-8B", "towers": "frozen"}
    assert refused(resolver, {**MINIMAL, "model": model}).pointer == "/model/towers"
