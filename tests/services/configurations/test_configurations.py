"""Files over the whole grid of jobs: they are readable, complete, and say what was estimated.

`make conformance` holds the same files against the frameworks themselves.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from app.catalog.huggingface import FAMILIES
from app.catalog.huggingface.class_keys import class_keys
from app.catalog.huggingface.layer_classes import LAYER_CLASSES
from app.catalog.huggingface.registry import NESTED
from app.domain.recipe import HF_TRAINER
from app.domain.strategies import STRATEGIES
from app.domain.training import Options
from app.schemas.configurations import Format
from app.services.configurations import configurations
from tests.conformance.grid import Case, cases, facts
from tests.jobs import deepspeed, job, toy_model

FORMATS = {
    "pytorch_ddp": ["training_arguments_json", "launch_command"],
    "pytorch_fsdp": ["accelerate_yaml", "training_arguments_json", "launch_command"],
    "deepspeed": ["deepspeed_json", "training_arguments_json", "launch_command"],
}


@pytest.fixture(scope="module")
def every_case() -> list[Case]:
    return list(cases())


def read(case: Case, format: Format) -> Any:  # noqa: A002
    """A file of a case as data; None where it has none of the format."""
    text = {file.format: file.content for file in case.files}.get(format)
    if text is None:
        return None
    return yaml.safe_load(text) if format == "accelerate_yaml" else json.loads(text)


def files(strategy: str, trainer: Any = "hf_trainer", **about: Any) -> dict[str, str]:
    """A job's files by format."""
    verdict = about.pop("verdict", "fits")
    found = configurations(job(**about), STRATEGIES[strategy], verdict, trainer)
    return {file.format: file.content for file in found}


def test_every_strategy_under_every_method_has_the_files_of_its_framework(
    every_case: list[Case],
) -> None:
    for case in every_case:
        wanted = FORMATS[case.outcome.strategy.framework]
        if case.trainer == "pytorch":
            wanted = [name for name in wanted if name != "training_arguments_json"]
        assert [file.format for file in case.files] == wanted, case.name

    seen = {(c.outcome.strategy.id, c.job.training.method) for c in every_case}
    offloaded = {s.id for s in STRATEGIES.values() if s.parameters_on != "gpu"}
    missing = {(s, m) for s in STRATEGIES for m in ("full", "lora", "qlora")} - seen
    assert missing == {(s, "qlora") for s in offloaded} | {("fsdp2_hybrid", "qlora")}


def test_every_file_is_what_its_format_says_and_files_name_each_other_rightly(
    every_case: list[Case],
) -> None:
    for case in every_case:
        names = {file.format: file.filename for file in case.files}
        launch = case.files[-1].content
        arguments = read(case, "training_arguments_json")
        if "deepspeed_json" in names:
            assert isinstance(read(case, "deepspeed_json"), dict)
            told = arguments["deepspeed"] if arguments else names["deepspeed_json"]
            assert told == names["deepspeed_json"]
        if "accelerate_yaml" in names:
            assert f"--config_file {names['accelerate_yaml']}" in launch, case.name
            assert read(case, "accelerate_yaml")["distributed_type"] == "FSDP"
        if arguments:
            assert f'parse_json_file("{names["training_arguments_json"]}")' in launch


def test_deepspeeds_file_has_every_number_of_the_estimate_and_no_auto(
    every_case: list[Case],
) -> None:
    checked = 0
    for case in every_case:
        settings = read(case, "deepspeed_json")
        if settings is None:
            continue
        estimated = facts(case)["deepspeed"]
        zero = settings["zero_optimization"]
        shared = zero.keys() & estimated.keys()
        assert {key: zero[key] for key in shared} == {key: estimated[key] for key in shared}
        assert shared == {
            key for key in estimated if settings["zero_optimization"]["stage"] == 3 or key in shared
        }
        assert "auto" not in json.dumps(settings)
        checked += len(shared)
    assert checked > 2_000


def test_the_batch_is_the_product_of_micro_batch_accumulation_and_ranks(
    every_case: list[Case],
) -> None:
    for case in every_case:
        settings = read(case, "deepspeed_json")
        if settings is None:
            continue
        assert settings["train_batch_size"] == (
            settings["train_micro_batch_size_per_gpu"]
            * settings["gradient_accumulation_steps"]
            * case.job.hardware.world_size
        )


def test_the_bucket_that_trainer_would_fill_in_stands_there_as_a_number() -> None:
    text = files("zero3", options=deepspeed(reduce_bucket_size=4096 * 4096))["deepspeed_json"]
    assert json.loads(text)["zero_optimization"]["reduce_bucket_size"] == 16_777_216


@pytest.mark.parametrize(
    ("verdict", "allocator", "set_"),
    [
        ("fits", "default", False),
        ("tight", "default", True),
        ("fits", "expandable_segments", True),
        ("does_not_fit", "default", False),
    ],
)
def test_segments_expand_where_the_verdict_is_tight_or_the_job_asks(
    verdict: str, allocator: Any, set_: bool
) -> None:
    launch = files("fsdp2", verdict=verdict, options=Options(allocator=allocator))["launch_command"]
    line = "export PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True"
    assert (line in launch.splitlines()) == set_


def test_what_is_unsupported_has_no_files() -> None:
    assert files("zero3", verdict="unsupported") == {}


def test_a_parameter_that_is_larger_than_deepspeeds_buffer_gets_one_that_it_fits_in() -> None:
    text = files("zero_infinity", model="meta-llama/Llama-3.1-70B", gpus=4)["deepspeed_json"]
    offload = json.loads(text)["zero_optimization"]["offload_param"]
    assert offload["buffer_size"] == 128_256 * 8_192 // 4
    assert offload["max_in_cpu"] == 0


def test_a_hybrid_shards_over_a_nodes_gpus_and_replicates_over_nodes() -> None:
    text = files("fsdp2_hybrid", gpus=8, nodes=3)["accelerate_yaml"]
    assert yaml.safe_load(text)["parallelism_config"] == {
        "parallelism_config_dp_replicate_size": 3,
        "parallelism_config_dp_shard_size": 8,
    }


@pytest.mark.parametrize(
    ("strategy", "switch"), [("ddp", "trainer"), ("zero3", "trainer"), ("fsdp2", "fsdp")]
)
def test_one_switch_turns_checkpointing_on(strategy: str, switch: str) -> None:
    arguments = json.loads(files(strategy)["training_arguments_json"])
    fsdp = arguments.get("fsdp_config", {}).get("activation_checkpointing", False)
    assert arguments["gradient_checkpointing"] == (switch == "trainer")
    assert fsdp == (switch == "fsdp")


def test_precision_switches_say_what_each_framework_calls_it() -> None:
    pure = {s: json.loads(files(s, precision="bf16_pure")["training_arguments_json"]) for s in
            ("ddp", "fsdp2", "zero3")}  # fmt: skip
    assert [pure[s]["bf16"] for s in pure] == [False, False, True]
    single = yaml.safe_load(files("fsdp2", precision="fp32")["accelerate_yaml"])
    assert single["mixed_precision"] == "no"


def test_the_script_reduces_in_fp32_only_where_that_was_estimated() -> None:
    plain = files("fsdp2")["launch_command"]
    trainer = files("fsdp2", options=Options(recipe=HF_TRAINER))["launch_command"]
    assert "reduce_dtype=torch.float32" in plain
    assert "reduce_dtype" not in trainer


def test_trainers_own_habits_are_left_to_it_where_they_were_estimated() -> None:
    plain, counted = (
        json.loads(files("ddp", options=options)["training_arguments_json"])
        for options in (Options(), Options(recipe=HF_TRAINER))
    )
    assert plain["ddp_find_unused_parameters"] is False
    assert "ddp_find_unused_parameters" not in counted
    assert "options.trainer" in files("ddp")["launch_command"]
    assert "options.trainer" not in files("zero3")["launch_command"]


def test_adapters_stand_in_the_script_and_in_no_file() -> None:
    found = files("fsdp2", method="lora")
    assert 'LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear"' in (
        found.pop("launch_command")
    )
    assert not any("lora" in text.lower() for text in found.values())


def test_every_family_whose_code_is_in_transformers_has_a_layer_to_wrap() -> None:
    known = class_keys().keys() | set(NESTED.values())
    assert FAMILIES.keys() - LAYER_CLASSES.keys() == FAMILIES.keys() - known
    assert LAYER_CLASSES.keys() <= FAMILIES.keys()
    unknown = files("fsdp2", model=replace(toy_model(), model_type="kimi_k2"))
    assert "transformer_layer_cls_to_wrap" not in unknown["accelerate_yaml"]
