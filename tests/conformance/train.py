"""A training script as a user would write it: the statements that a launch script asks for.

It is copied beside a case's files and started by their launch.sh. A machine without GPUs stands in
for one that has them: gloo for NCCL, the processor for the card. Each rank leaves rank-N.json.
"""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import deepspeed
import torch
import transformers
from accelerate import Accelerator, FullyShardedDataParallelPlugin
from accelerate.state import DistributedType, PartialState
from peft import LoraConfig, get_peft_model
from torch.distributed.fsdp import MixedPrecision, MixedPrecisionPolicy
from torch.nn.parallel import DistributedDataParallel
from transformers import AutoModelForCausalLM, HfArgumentParser, Trainer, TrainingArguments
from transformers.integrations import HfDeepSpeedConfig

STEPS = 2
NAMED = (
    Accelerator,
    AutoModelForCausalLM,
    DistributedDataParallel,
    FullyShardedDataParallelPlugin,
    HfArgumentParser,
    HfDeepSpeedConfig,
    LoraConfig,
    MixedPrecision,
    MixedPrecisionPolicy,
    TrainingArguments,
    get_peft_model,
)


def stand_in_for_gpus() -> None:
    PartialState._prepare_backend = lambda self, *_, **__: ("gloo", DistributedType.MULTI_GPU)
    transformers.training_args.is_torch_bf16_gpu_available = lambda *_: True
    torch.Tensor.pin_memory = lambda tensor, *_: tensor
    deepspeed.comm.torch.build_shm_op = lambda: None  # a kernel that would have to be compiled
    os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
    os.environ["ACCELERATE_BYPASS_DEVICE_MAP"] = "true"


def batches(facts: dict[str, Any], vocabulary: int) -> list[dict[str, torch.Tensor]]:
    """Enough samples for every step of every rank."""
    training = facts["training"]
    samples = STEPS * facts["world_size"] * training["micro_batch_size"]
    torch.manual_seed(0)
    tokens = torch.randint(
        vocabulary,
        (samples * training["gradient_accumulation_steps"], training["sequence_length"]),
    )
    return [{"input_ids": row, "labels": row} for row in tokens]


def main() -> None:
    stand_in_for_gpus()
    facts = json.loads(Path("facts.json").read_text())
    vocabulary = json.loads(Path("path/to/model/config.json").read_text())["vocab_size"]
    losses: list[float] = []

    class Watched(Trainer):  # type: ignore[misc]
        """Trainer, remembering every micro-batch's loss."""

        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().compute_loss(*args, **kwargs)
            losses.append(float((loss[0] if isinstance(loss, tuple) else loss).detach()))
            return loss

    data = batches(facts, vocabulary)
    known: dict[str, Any] = {thing.__name__: thing for thing in NAMED}
    known |= {"Trainer": Watched, "dataset": data, "deepspeed": deepspeed, "torch": torch}
    known["device"] = torch.device("cpu")
    for line in facts["script"]:
        exec(line, known)  # what the launch asks for, as it stands
        if line.startswith("args, ="):
            known["args"].max_steps, known["args"].save_strategy = STEPS, "no"
            known["args"].report_to = []
    if "args" not in known:
        losses += own_loop(facts, known, data)
    report(known["model"], losses)


def own_loop(
    facts: dict[str, Any], known: dict[str, Any], data: list[dict[str, torch.Tensor]]
) -> list[float]:
    """The loop of somebody who needs no Trainer, over this rank's share of the samples."""
    model, optimizer = known["model"], known["optimizer"]
    engine, accelerator = hasattr(model, "backward"), known.get("accelerator")
    steps, micro = (
        facts["training"][key] for key in ("gradient_accumulation_steps", "micro_batch_size")
    )
    rank = torch.distributed.get_rank()
    own = data[rank :: facts["world_size"]]
    losses = []
    for number in range(STEPS * steps):
        samples = own[number * micro : (number + 1) * micro]
        batch = {key: torch.stack([s[key] for s in samples]) for key in samples[0]}
        with known.get("autocast", nullcontext()):
            loss = model(**batch).loss
        losses.append(float(loss.detach()))
        if engine:
            model.backward(loss)
            model.step()
            continue
        (accelerator.backward if accelerator else torch.Tensor.backward)(loss / steps)
        if (number + 1) % steps == 0:
            optimizer.step()
            optimizer.zero_grad()
    return losses


def report(model: torch.nn.Module, losses: list[float]) -> None:
    """What this rank held of the model, and how it went."""
    found = [
        getattr(p, "ds_tensor", p.to_local() if hasattr(p, "to_local") else p)
        for p in model.parameters()
    ]
    Path(f"rank-{torch.distributed.get_rank()}.json").write_text(
        json.dumps(
            {
                "world_size": torch.distributed.get_world_size(),
                "losses": losses,
                "dtypes": sorted({str(p.dtype).removeprefix("torch.") for p in found}),
                "elements": sum(p.numel() for p in found),
            }
        )
    )


main()
