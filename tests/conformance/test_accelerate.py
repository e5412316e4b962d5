"""Accelerate's loader and FSDP plugin read every file; Trainer's arguments give the same plugin."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.parallelism_config import ParallelismConfig
from accelerate.utils import FullyShardedDataParallelPlugin
from accelerate.utils import dataclasses as plugins
from accelerate.utils.launch import prepare_multi_gpu_env
from torch.distributed.fsdp import (
    BackwardPrefetch,
    CPUOffloadPolicy,
    MixedPrecision,
    MixedPrecisionPolicy,
    ShardingStrategy,
)
from transformers import HfArgumentParser, TrainingArguments

from tests.conformance.written import Case, cases, name

FSDP = pytest.mark.parametrize("case", cases("pytorch_fsdp"), ids=name)
BOTH_FILES = pytest.mark.parametrize(
    "case", cases("pytorch_fsdp", format="training_arguments_json"), ids=name
)
HALF = {"bf16_mixed": "bf16", "fp16_mixed": "fp16"}


@pytest.fixture(autouse=True)
def a_gpu_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """FSDP1 asks which GPU it is on when it is told to send weights around; environment is kept."""
    monkeypatch.setattr(plugins, "is_cuda_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(os, "environ", os.environ.copy())


def launched(case: Case) -> dict[str, str]:
    """What `accelerate launch` puts into the environment of every process."""
    arguments = [*case.command[2:-1], "--config_file", str(case.path("accelerate_yaml"))]
    parsed = launch_command_parser().parse_args(
        [*arguments, "--main_process_port", "0", "train.py"]
    )
    checked, _, _ = _validate_launch_command(parsed)
    environment: dict[str, str] = prepare_multi_gpu_env(checked)
    return environment


def plugin_of(case: Case) -> FullyShardedDataParallelPlugin:
    os.environ.update(launched(case))
    return FullyShardedDataParallelPlugin()


def strategy_of(plugin: FullyShardedDataParallelPlugin) -> Any:
    """What Accelerate hands FSDP1; FSDP2 takes `reshard_after_forward` alone."""
    if plugin.fsdp_version == 2:
        return plugin.reshard_after_forward
    return plugin.sharding_strategy or plugin.reshard_after_forward


@FSDP
def test_the_loader_reads_the_machine(case: Case) -> None:
    config = load_config_from_file(str(case.path("accelerate_yaml")))

    assert config.distributed_type == "FSDP"
    assert config.num_machines == case.facts["nodes"]
    assert config.num_processes == case.facts["world_size"]
    assert config.mixed_precision == HALF.get(case.training["precision"], "no")


@FSDP
def test_the_plugin_shards_as_the_strategy_says(case: Case) -> None:
    plugin, strategy = plugin_of(case), case.strategy

    assert plugin.fsdp_version == int(strategy["engine"].removeprefix("fsdp"))
    if plugin.fsdp_version == 2:
        assert plugin.reshard_after_forward is strategy["regathers"]
        assert isinstance(plugin.cpu_offload, CPUOffloadPolicy) == (
            strategy["parameters_on"] == "cpu"
        )
    else:
        regathers = ShardingStrategy.FULL_SHARD, ShardingStrategy.SHARD_GRAD_OP
        assert strategy_of(plugin) == regathers[not strategy["regathers"]]
        prefetches = not case.facts["recipe"]["no_backward_prefetch"]
        assert plugin.backward_prefetch == (BackwardPrefetch.BACKWARD_PRE if prefetches else None)
        assert plugin.use_orig_params
    assert plugin.activation_checkpointing == case.training["activation_checkpointing"]


@FSDP
def test_a_hybrid_shards_inside_a_node_and_replicates_across(case: Case) -> None:
    environment = launched(case)
    os.environ.update(environment)

    hybrid = case.strategy["shard_parameters"] == "node"
    assert ("ACCELERATE_USE_PARALLELISM_CONFIG" in environment) == hybrid
    if hybrid:
        mesh = ParallelismConfig()
        assert mesh.dp_replicate_size == case.facts["nodes"]
        assert mesh.dp_shard_size == case.facts["gpus_per_node"]


@BOTH_FILES
def test_trainer_and_the_launcher_make_the_same_plugin(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.training_args.is_torch_bf16_gpu_available", lambda *_: True)
    launcher = plugin_of(case)
    (args,) = HfArgumentParser(TrainingArguments).parse_json_file(
        str(case.path("training_arguments_json"))
    )
    own = FullyShardedDataParallelPlugin(**args.fsdp_plugin_args)

    assert strategy_of(own) == strategy_of(launcher)
    for field in (
        "fsdp_version",
        "activation_checkpointing",
        "auto_wrap_policy",
        "backward_prefetch",
        "cpu_ram_efficient_loading",
        "state_dict_type",
        "sync_module_states",
        "transformer_cls_names_to_wrap",
        "use_orig_params",
    ):
        assert getattr(own, field) == getattr(launcher, field), field
    assert type(own.cpu_offload) is type(launcher.cpu_offload)


@BOTH_FILES
def test_gradients_are_reduced_in_what_was_estimated(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.training_args.is_torch_bf16_gpu_available", lambda *_: True)
    args, *policy = case.script
    known: dict[str, Any] = {
        "torch": torch,
        "HfArgumentParser": HfArgumentParser,
        "TrainingArguments": TrainingArguments,
        "MixedPrecision": MixedPrecision,
        "MixedPrecisionPolicy": MixedPrecisionPolicy,
    }
    monkeypatch.chdir(case.folder)
    exec(args, known)
    for line in policy:
        if line.startswith("args."):
            exec(line, known)

    plugin = FullyShardedDataParallelPlugin(**known["args"].fsdp_plugin_args)
    half = HALF.get(case.training["precision"])
    if half is not None:  # as Accelerate does once it knows the precision
        plugin.set_mixed_precision(half)

    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(half or "")
    narrow = case.facts["reduce_dtype"] == "bf16" or case.facts["recipe"]["reduces_in_half"]
    reduced = dtype if narrow else torch.float32
    found = plugin.mixed_precision_policy
    assert (found.param_dtype, found.reduce_dtype) == (dtype, reduced) if half else found is None
