"""Jobs built from the real catalogue, so that a test states only what it is about."""

from __future__ import annotations

from typing import Any

from app.catalog import load_catalog
from app.catalog.huggingface import spec_from_config
from app.domain.architecture import ModelSpec
from app.domain.estimate import Evaluator, Load, Usage
from app.domain.formulas.registry import Term
from app.domain.hardware import Hardware
from app.domain.job import Job, Phase
from app.domain.strategies import STRATEGIES
from app.domain.training import DeepSpeedOptions, Options, Training
from app.domain.units import GIB
from tests.factories import LLAMA_CONFIG

PLENTY_GIB = 1_048_576


def job(
    model: str | ModelSpec = "meta-llama/Llama-3.1-8B",
    gpu: str = "h100-80-sxm",
    gpus: Any = 8,
    nodes: Any = 1,
    *,
    host_gib: int = PLENTY_GIB,
    nvme_gib: int = PLENTY_GIB,
    usable: int | None = None,
    options: Options | None = None,
    **training: Any,
) -> Job:
    """A job; what is not named has the defaults of a sensible one, and memory to offload to."""
    catalog = load_catalog()
    spec = catalog.model(model).spec if isinstance(model, str) else model
    hardware = Hardware(catalog.gpu(gpu).gpu, gpus, nodes, host_gib * GIB, nvme_gib * GIB, usable)
    return Job(spec, hardware, Training(**training), options or Options())


def deepspeed(**keys: Any) -> Options:
    """Options that differ in DeepSpeed's keys only."""
    return Options(deepspeed=DeepSpeedOptions(**keys))


def toy_model(**changes: Any) -> ModelSpec:
    """A Llama small enough to compute by hand: 2 layers, h 64, i 128, V 1000."""
    return spec_from_config({**LLAMA_CONFIG, **changes}, "toy")


def usage(job: Job, strategy: str) -> Usage:
    return Evaluator(job).usage(STRATEGIES[strategy])


def moment(job: Job, strategy: str, phase: Phase, label: str) -> Load:
    """The one moment of that name."""
    found = [
        load
        for load in usage(job, strategy).loads
        if load.moment.phase == phase and load.moment.label == label
    ]
    assert len(found) == 1, f"{len(found)} moments {phase}/{label}"
    return found[0]


def terms(load: Load, formula: str) -> list[Term]:
    """The allocations of one formula that are alive at a moment."""
    return [term for term in load.moment.terms if term.formula.name == formula]


def bytes_of(load: Load, *formulas: str) -> int:
    """What these formulas take together at a moment."""
    return sum(term.bytes for name in formulas for term in terms(load, name))
