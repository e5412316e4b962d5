"""Each launcher's own parser reads the command, and the script's statements are Python."""

from __future__ import annotations

import ast
import importlib.metadata
from pathlib import Path
from typing import Any

import accelerate
import peft
import pytest
import torch
import transformers
from accelerate.commands.launch import launch_command_parser
from deepspeed.launcher.runner import parse_args as parse_deepspeed
from torch.distributed import fsdp
from torch.distributed.run import parse_args as parse_torchrun

from tests.conformance.written import Case, cases, name

EVERY = pytest.mark.parametrize("case", cases(), ids=name)
# What the script brings along, and a class of a package for GPUs alone, not installed here.
GIVEN = {"dataset", "device", "AutoLigerKernelForCausalLM"}
SETTINGS = Path(torch.__file__).parent / "lib" / "libc10.so"


@EVERY
def test_the_launcher_starts_one_process_for_each_gpu(case: Case) -> None:
    launcher, *arguments = case.command
    nodes, gpus = case.facts["nodes"], case.facts["gpus_per_node"]

    assert arguments[-1] == "train.py"
    if launcher == "torchrun":
        parsed = parse_torchrun(arguments)
        assert parsed.nproc_per_node == str(gpus)
        assert parsed.standalone if nodes == 1 else parsed.nnodes == str(nodes)
    elif launcher == "deepspeed":
        parsed = parse_deepspeed(arguments)
        assert (nodes, parsed.num_gpus) == (1, gpus)
        assert parsed.no_local_rank
    elif launcher == "accelerate":
        parsed = launch_command_parser().parse_args(arguments[1:])
        assert parsed.config_file == case.facts["files"]["accelerate_yaml"]
        assert (parsed.main_process_ip is not None) == (nodes > 1)
    else:
        assert (launcher, nodes * gpus) == ("python", 1)


@EVERY
def test_segments_expand_where_the_job_asks_for_it_or_is_tight(case: Case) -> None:
    wanted = case.facts["allocator"] == "expandable_segments" or case.facts["verdict"] == "tight"

    assert case.environment == (
        {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"} if wanted else {}
    )


def test_this_pytorch_reads_the_variable_that_is_set() -> None:
    assert b"PYTORCH_CUDA_ALLOC_CONF" in SETTINGS.read_bytes()


@EVERY
def test_the_scripts_statements_name_what_the_frameworks_have(case: Case) -> None:
    homes = (transformers, transformers.integrations, peft, accelerate, fsdp, torch.nn.parallel)
    modules = {"torch", "transformers", "deepspeed", "bitsandbytes"}
    names = [node for line in case.script for node in ast.walk(ast.parse(line))]
    found = [node for node in names if isinstance(node, ast.Name)]
    made = {node.id for node in found if isinstance(node.ctx, ast.Store)}

    for used in {node.id for node in found} - made - modules - GIVEN:
        assert any(hasattr(home, used) for home in homes), used


@pytest.mark.parametrize("case", [c for c in cases() if c.training["method"] != "full"], ids=name)
def test_adapters_are_what_was_asked_for(case: Case) -> None:
    (line,) = (line for line in case.script if line.startswith("adapter = "))
    known: dict[str, Any] = {"LoraConfig": peft.LoraConfig}
    exec(line, known)

    lora, adapter = case.training["lora"], known["adapter"]
    assert adapter.r == lora["rank"]
    wanted = lora["target_modules"]
    assert adapter.target_modules == (wanted if isinstance(wanted, str) else set(wanted))


@pytest.mark.parametrize("case", [c for c in cases() if c.training["method"] == "qlora"], ids=name)
def test_four_bit_weights_are_what_was_estimated(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "1.0.0")
    (line,) = (line for line in case.script if line.startswith("quantization = "))
    known: dict[str, Any] = {"BitsAndBytesConfig": transformers.BitsAndBytesConfig, "torch": torch}
    exec(line, known)

    config = known["quantization"]
    assert config.quantization_method() == "nf4"
    assert config.bnb_4bit_use_double_quant
    sharded = case.strategy["shard_parameters"] != "none"
    assert config.bnb_4bit_quant_storage == (torch.bfloat16 if sharded else torch.uint8)
