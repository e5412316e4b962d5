"""Writes the files of a grid of jobs, with what each was estimated for, for the frameworks to read.

    python -m tests.conformance.grid

Runs where the product is installed; the tests beside it run where the frameworks are, and see
nothing but what this writes.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from app.catalog import load_catalog
from app.catalog.huggingface.layer_classes import LAYER_CLASSES
from app.catalog.huggingface.towers import Towers
from app.domain.assessment import Assessment, assess
from app.domain.frameworks.zero import overlaps_communication
from app.domain.guidance import Trainer
from app.domain.job import Job
from app.schemas.configurations import Configuration
from app.schemas.estimates import EstimateRequest
from app.services.configurations import configurations
from app.services.configurations.run import Run
from app.services.resolving import Resolver
from tests.conformance.written import FOLDER
from tests.factories import LLAMA_CONFIG, Json, merged

_BASE: Json = {
    "model": {"id": "meta-llama/Llama-3.2-1B"},
    "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 4, "host_memory_gib": 2048},
}
_AUTOMATIC = {
    "reduce_bucket_size": "auto",
    "stage3_prefetch_bucket_size": "auto",
    "stage3_param_persistence_threshold": "auto",
    "allgather_bucket_size": "auto",
}
_CHOSEN = {
    "reduce_bucket_size": 20_000_000,
    "allgather_bucket_size": 30_000_000,
    "overlap_comm": True,
    "contiguous_gradients": False,
    "sub_group_size": 40_000_000,
    "stage3_max_live_parameters": 50_000_000,
    "stage3_max_reuse_distance": 60_000_000,
    "stage3_prefetch_bucket_size": 7_000_000,
    "stage3_param_persistence_threshold": 8_000,
}

# What differs from the base, one thing at a time; each is run under every strategy that exists.
_CHANGES: dict[str, Json] = {
    "base": {},
    "lora": {"training": {"method": "lora", "lora": {"rank": 8, "target_modules": ["q_proj"]}}},
    "qlora": {"training": {"method": "qlora"}},
    "bf16_pure": {"training": {"precision": "bf16_pure"}},
    "fp16": {"training": {"precision": "fp16_mixed"}},
    "fp32": {"training": {"precision": "fp32"}},
    "foreach": {"training": {"optimizer_kernel": "foreach"}},
    **{
        name: {"training": {"optimizer": name}}
        for name in ("adamw_8bit", "paged_adamw_8bit", "adafactor", "lion", "sgd")
    },
    "accumulation": {"training": {"micro_batch_size": 3, "gradient_accumulation_steps": 5}},
    "plain": {"training": {"activation_checkpointing": False, "attention": "eager"}},
    "fused_loss": {"training": {"fused_loss": True, "attention": "flash_attention_2"}},
    "automatic": {"options": {"deepspeed": _AUTOMATIC}},
    "chosen": {"options": {"deepspeed": _CHOSEN, "fsdp": {"reduce_dtype": "bf16"}}},
    "trainer": {"options": {"trainer": "hf_trainer"}},
    "expandable": {"options": {"allocator": "expandable_segments"}},
    "one_gpu": {"hardware": {"gpus_per_node": 1}},
    "nodes": {"hardware": {"gpus_per_node": 8, "nodes": 3}},
    "lora_nodes": {"hardware": {"nodes": 2}, "training": {"method": "lora"}},
    "llama70b": {"model": {"id": "meta-llama/Llama-3.1-70B"}},
    "gpt2": {"model": {"id": "openai-community/gpt2"}, "training": {"sequence_length": 1024}},
    "moe": {"model": {"id": "Qwen/Qwen3-30B-A3B"}},
}
# Jobs small enough to be trained here, on two processes.
_TINY: Json = {
    "model": {"config": LLAMA_CONFIG},
    "hardware": {"gpus_per_node": 2},
    "training": {"sequence_length": 32, "micro_batch_size": 2, "gradient_accumulation_steps": 2},
}
_TRAINED: dict[str, Json] = {
    "tiny": {},
    "tiny_pure": {"training": {"precision": "bf16_pure"}},
    "tiny_lora": {"training": {"method": "lora"}},
}


class Case(NamedTuple):
    """One job under one strategy with its files."""

    name: str
    job: Job
    outcome: Assessment
    trainer: Trainer
    files: list[Configuration]


class _NoProfiles:
    def model_spec(self, profile_id: str, towers: Towers | None = None) -> Any:
        raise NotImplementedError

    hardware = model_spec


def requests() -> Iterator[tuple[str, Json]]:
    """Every job of the grid by name, as it would be posted."""
    for name, change in _CHANGES.items():
        yield name, merged(_BASE, change)
    for name, change in _TRAINED.items():
        whole = merged(merged(_BASE, _TINY), change)
        yield name, whole | {"model": _TINY["model"]}


def cases() -> Iterator[Case]:
    """Every job under every strategy and for both kinds of loop, where it can be."""
    resolver = Resolver(load_catalog(), _NoProfiles())
    for name, request in requests():
        job = resolver.job(EstimateRequest.model_validate(request))
        for outcome in assess(job).outcomes:
            if outcome.judgement is None:
                continue
            for trainer in ("hf_trainer", "pytorch"):
                verdict = outcome.judgement.verdict
                files = configurations(job, outcome.strategy, verdict, trainer)
                yield Case(f"{name}-{outcome.strategy.id}-{trainer}", job, outcome, trainer, files)


def facts(case: Case) -> Json:
    """What the case was estimated for: all that the frameworks' reading is held against."""
    job, strategy = case.job, case.outcome.strategy
    options = asdict(job.options.deepspeed)
    options["overlap_comm"] = overlaps_communication(job, Run(job, strategy).stage)
    return {
        "name": case.name,
        "trainer": case.trainer,
        "verdict": case.outcome.judgement.verdict if case.outcome.judgement else None,
        "model_type": job.spec.model_type,
        "hidden_size": job.spec.hidden_size,
        "largest_tensor": job.spec.largest_tensor_parameters,
        "gpus_per_node": job.hardware.gpus_per_node,
        "nodes": job.hardware.nodes,
        "world_size": job.hardware.world_size,
        "strategy": asdict(strategy),
        "training": asdict(job.training),
        "deepspeed": options,
        "reduce_dtype": job.options.fsdp_reduce_dtype,
        "recipe": asdict(job.options.recipe),
        "allocator": job.options.allocator,
        "files": {file.format: file.filename for file in case.files},
    }


def write(folder: Path) -> int:
    """Write every case into a folder of its own; how many there are."""
    count = 0
    for case in cases():
        place = folder / "cases" / case.name
        place.mkdir(parents=True)
        for file in case.files:
            (place / file.filename).write_text(file.content)
        (place / "facts.json").write_text(json.dumps(facts(case)))
        count += 1
    (folder / "layer_classes.json").write_text(json.dumps(LAYER_CLASSES))
    (folder / "tiny_model.json").write_text(json.dumps(LLAMA_CONFIG))
    return count


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    sys.stdout.write(f"{write(FOLDER)} cases written to {FOLDER}\n")
