"""Evaluators kept while one question is looked at from many sides.

Most what-ifs of a job leave its allocations as they are (a GPU of another size, leave to offload)
or at least its activations (more nodes, another optimizer).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from app.domain.architecture import ModelSpec
from app.domain.estimate import Evaluator, Steps
from app.domain.job import Job
from app.domain.training import Options, Training
from app.domain.units import Integer

_Activations: TypeAlias = tuple[ModelSpec, Training]
_Allocations: TypeAlias = tuple[ModelSpec, Training, Options, Integer, Integer, Integer]


class Evaluators:
    """Hands out evaluators; jobs of equal allocations share one, and others what they can."""

    def __init__(self, *known: Evaluator) -> None:
        self._known = {_allocations(evaluator.job): evaluator for evaluator in known}
        self._steps: dict[_Activations, Steps] = {
            _activations(evaluator.job): evaluator.steps for evaluator in known
        }

    def of(self, job: Job) -> Evaluator:
        """The evaluator for a job of plain numbers; its own job may be of another capacity."""
        key = _allocations(job)
        if key not in self._known:
            steps = self._steps.setdefault(_activations(job), {})
            self._known[key] = Evaluator(job, steps)
        return self._known[key]


def _allocations(job: Job) -> _Allocations:
    """All that the allocations of a job follow from."""
    machine = job.hardware
    counts = machine.gpus_per_node, machine.nodes, machine.is_hopper_or_newer
    return job.spec, job.training, job.options, *counts


def _activations(job: Job) -> _Activations:
    """All that the activations of a job follow from, and more."""
    return job.spec, replace(job.training, optimizer="adamw", gradient_accumulation_steps=1)
