"""Jobs that between them show every formula: one knob turned at a time, every kind of model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple, get_args, get_type_hints

from app.catalog import Catalog
from app.catalog.huggingface import spec_from_config
from app.domain.architecture import ModelSpec
from app.domain.hardware import Gpu, Hardware
from app.domain.job import Job
from app.domain.recipe import HF_TRAINER
from app.domain.training import DeepSpeedOptions, Options, Training
from app.domain.units import GIB

# The job of the worked examples; they say what they change.
MODEL = "meta-llama/Llama-3.1-8B"
GPU = "h100-80-sxm"
GPUS = 8
BASE = Training(sequence_length=4096, activation_checkpointing=False)

# Two nodes, as hybrid sharding needs; and memory to offload to.
_NODES = 2
_BY_TRAINER = Options(recipe=HF_TRAINER)
_PLENTY = 1_048_576 * GIB


class GridJob(NamedTuple):
    """A job of the grid. `changes` says how it differs from the base job."""

    job: Job
    changes: str


def grid(catalog: Catalog) -> Iterator[GridJob]:
    """The base job with one knob turned at a time, then again on every other kind of model."""
    spec, gpu = catalog.model(MODEL).spec, catalog.gpu(GPU).gpu
    for changes in ({}, *_knobs(), *_TOGETHER):
        yield GridJob(_job(spec, gpu, replace(BASE, **changes)), _words(changes))
    for options, words in _options(spec):
        yield GridJob(_job(spec, gpu, BASE, options=options), words)
    accumulated = _job(spec, gpu, replace(BASE, **_ACCUMULATION), options=_BY_TRAINER)
    yield GridJob(accumulated, _words({"trainer": _BY_TRAINER.trainer, **_ACCUMULATION}))
    yield GridJob(_job(spec, gpu, BASE, gpus=1), _words({"gpus_per_node": 1}))
    for changes in ({}, *_knobs()):
        training = replace(BASE, **changes)
        words = _words({"nodes": _NODES, **changes})
        yield GridJob(_job(spec, gpu, training, nodes=_NODES), words)
    for kind in _kinds_of_model(catalog):
        for changes in _FEW:
            training = replace(BASE, **changes)
            words = _words({"nodes": _NODES, **changes})
            yield GridJob(_job(kind, gpu, training, nodes=_NODES), words)


def _job(
    spec: ModelSpec,
    gpu: Gpu,
    training: Training,
    gpus: int = GPUS,
    nodes: int = 1,
    options: Options | None = None,
) -> Job:
    length = min(training.sequence_length, spec.max_position or training.sequence_length)
    hardware = Hardware(gpu, gpus, nodes, _PLENTY, _PLENTY)
    return Job(spec, hardware, replace(training, sequence_length=length), options or Options())


Changes = dict[str, Any]

_GEMMA_3N: dict[str, Any] = {
    "model_type": "gemma3n_text",
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_attention_heads": 8,
    "num_hidden_layers": 30,
    "num_key_value_heads": 2,
    "num_kv_shared_layers": 10,
    "vocab_size": 262_400,
}

# What a choice or a switch alone does not show.
_ACCUMULATION: Changes = {"gradient_accumulation_steps": 2}
_TOGETHER: tuple[Changes, ...] = (
    {"method": "lora", **_ACCUMULATION},
    {"method": "lora", "precision": "bf16_pure"},
)

# What shows every kind of layer: how it is trained, the other attention, and recomputing it.
_FEW: tuple[Changes, ...] = (
    {},
    {"attention": "eager"},
    {"method": "lora"},
    {"method": "qlora"},
    {"activation_checkpointing": True, **_ACCUMULATION},
)


def _knobs() -> Iterator[Changes]:
    """Every other value of every choice and switch of a training job, one at a time."""
    for name, kind in get_type_hints(Training).items():
        default = getattr(BASE, name)
        values = (not default,) if kind is bool else get_args(kind)
        yield from ({name: value} for value in values if value != default)
    yield _ACCUMULATION


def _options(spec: ModelSpec) -> Iterator[tuple[Options, str]]:
    """Settings that move memory: buckets smaller than a matrix, two of them, one and the other;
    and the other training loop.
    """
    small = {"reduce_bucket_size": spec.hidden_size**2}
    for keys in (small, {"overlap_comm": True}, {"overlap_comm": True, **small}):
        yield Options(deepspeed=DeepSpeedOptions(**keys)), _words(keys)
    yield _BY_TRAINER, _words({"trainer": _BY_TRAINER.trainer})


def _kinds_of_model(catalog: Catalog) -> Iterator[ModelSpec]:
    """The smallest model of each type, with and without a tied head, with and without experts.

    And Gemma 3n, which the catalogue does not have.
    """
    smallest: dict[tuple[str, bool, bool], ModelSpec] = {}
    for entry in catalog.models.values():
        spec = entry.spec
        key = (spec.model_type, spec.tied_embeddings, spec.is_mixture)
        if spec.total_parameters < smallest.setdefault(key, spec).total_parameters:
            smallest[key] = spec
    yield from smallest.values()
    yield spec_from_config(_GEMMA_3N, "google/gemma-3n-E2B")


def _words(changes: Changes) -> str:
    """Changes as the API spells them: "precision fp32, activation_checkpointing true"."""
    spelt = {name: str(value).lower() for name, value in changes.items()}
    return ", ".join(f"{name} {value}" for name, value in spelt.items())


def base_hardware(catalog: Catalog) -> Hardware:
    """The machine of the base job."""
    return Hardware(catalog.gpu(GPU).gpu, GPUS, 1, _PLENTY, _PLENTY)


def base_job(catalog: Catalog) -> str:
    """The base job, which the worked examples change, in words."""
    return (
        f"{MODEL} on {GPUS} × {catalog.gpu(GPU).name}, {BASE.method} fine-tuning in "
        f"{BASE.precision}, {BASE.optimizer} ({BASE.optimizer_kernel}), "
        f"{BASE.sequence_length:,} tokens, micro-batch {BASE.micro_batch_size}, "
        f"activation_checkpointing {str(BASE.activation_checkpointing).lower()}, {BASE.attention}"
    )
