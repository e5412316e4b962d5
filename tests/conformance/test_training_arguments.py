"""Transformers' own parser reads every TrainingArguments file, and it agrees with DeepSpeed's."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import HfArgumentParser, TrainingArguments
from transformers.training_args import OptimizerNames

from tests.conformance.written import Case, cases, name

ARGUMENTS = pytest.mark.parametrize("case", cases(format="training_arguments_json"), ids=name)
Read = Callable[[Case], Any]
OPTIMIZERS = {
    ("adamw", "fused"): OptimizerNames.ADAMW_TORCH_FUSED,
    ("adamw", "foreach"): OptimizerNames.ADAMW_TORCH,
    ("adamw_8bit", "fused"): OptimizerNames.ADAMW_BNB,
    ("paged_adamw_8bit", "fused"): OptimizerNames.PAGED_ADAMW_8BIT,
    ("adafactor", "fused"): OptimizerNames.ADAFACTOR,
    ("lion", "fused"): OptimizerNames.LION,
    ("sgd", "fused"): OptimizerNames.SGD,
}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads a case's file as one rank of its job on a machine with GPUs would."""
    monkeypatch.setattr("transformers.training_args.is_torch_bf16_gpu_available", lambda *_: True)

    def read(case: Case) -> Any:
        ranks = case.facts["world_size"]
        monkeypatch.setattr(TrainingArguments, "world_size", property(lambda _: ranks))
        monkeypatch.chdir(case.folder)
        path = str(case.path("training_arguments_json"))
        (args,) = HfArgumentParser(TrainingArguments).parse_json_file(path)
        return args

    return read


@ARGUMENTS
def test_the_parser_finds_the_job(case: Case, read: Read) -> None:
    args, training = read(case), case.training
    fsdp = case.strategy["framework"] == "pytorch_fsdp"
    bf16 = {"bf16_mixed"} | ({"bf16_pure"} if case.strategy["framework"] == "deepspeed" else set())

    assert args.per_device_train_batch_size == training["micro_batch_size"]
    assert args.gradient_accumulation_steps == training["gradient_accumulation_steps"]
    assert args.optim == OPTIMIZERS[training["optimizer"], training["optimizer_kernel"]]
    assert args.bf16 == (training["precision"] in bf16)
    assert args.fp16 == (training["precision"] == "fp16_mixed")
    assert args.use_liger_kernel == training["fused_loss"]
    assert bool(args.fsdp) == fsdp
    assert args.gradient_checkpointing == (training["activation_checkpointing"] and not fsdp)


@pytest.mark.parametrize(
    "case",
    cases("deepspeed", format="training_arguments_json"),
    ids=name,
)
def test_trainer_finds_no_contradiction_between_its_arguments_and_deepspeeds_file(
    case: Case,
    read: Read,
) -> None:
    args = read(case)
    model = SimpleNamespace(config=SimpleNamespace(hidden_size=case.facts["hidden_size"]))

    config = args.hf_deepspeed_config
    config.trainer_config_finalize(args, model, 100)

    assert config.mismatches == []
    assert "auto" not in str(config.config)
