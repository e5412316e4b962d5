"""The settings that move a job's memory: one record each, with the values to try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

from app.domain.recipe import Trainer
from app.domain.training import (
    Allocator,
    AttentionKernel,
    Method,
    OptimizerId,
    OptimizerKernel,
    PrecisionId,
    ReduceDtype,
)
from app.schemas.estimates import EstimateRequest
from app.services.patching import Patch


@dataclass(frozen=True)
class Knob:
    """One setting. `path` leads to it in a request; `values` are those to try, given today's."""

    path: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]
    applies: Callable[[EstimateRequest], bool] = lambda _request: True

    @property
    def name(self) -> str:
        """The setting's own name."""
        return self.path[-1]

    def today(self, request: EstimateRequest) -> Any:
        """What the request says, which may be that it says nothing."""
        found: Any = request
        for key in self.path:
            found = getattr(found, key)
        return found

    def patches(self, request: EstimateRequest) -> Iterator[tuple[Any, Patch]]:
        """Every other value, with the patch that sets it."""
        if not self.applies(request):
            return
        today = self.today(request)
        for value in self.values(today):
            if value != today:
                patch: Any = value
                for key in reversed(self.path):
                    patch = {key: patch}
                yield value, patch


def _one_of(*values: Any) -> Callable[[Any], tuple[Any, ...]]:
    return lambda _today: values


def _halved_and_doubled(today: int) -> tuple[int, ...]:
    return (today // 2, today * 2) if today > 1 and today % 2 == 0 else (today * 2,)


def _trains_adapters(request: EstimateRequest) -> bool:
    return request.training.method != "full"


def _names_its_hardware(request: EstimateRequest) -> bool:
    return request.hardware.profile is None


def _training(name: str, values: Callable[[Any], tuple[Any, ...]]) -> Knob:
    return Knob(("training", name), values)


def _deepspeed(name: str, *values: Any) -> Knob:
    return Knob(("options", "deepspeed", name), _one_of(*values))


KNOBS: tuple[Knob, ...] = (
    _training("activation_checkpointing", _one_of(True, False)),
    _training("fused_loss", _one_of(True, False)),
    _training("attention", _one_of(*get_args(AttentionKernel))),
    _training("sequence_length", _halved_and_doubled),
    _training("micro_batch_size", _halved_and_doubled),
    _training("gradient_accumulation_steps", _one_of(1, 8)),
    _training("method", _one_of(*get_args(Method))),
    Knob(("training", "lora", "rank"), _halved_and_doubled, _trains_adapters),
    _training("precision", _one_of(*get_args(PrecisionId))),
    _training("optimizer", _one_of(*get_args(OptimizerId))),
    _training("optimizer_kernel", _one_of(*get_args(OptimizerKernel))),
    Knob(("hardware", "gpus_per_node"), _halved_and_doubled, _names_its_hardware),
    Knob(("hardware", "nodes"), _halved_and_doubled, _names_its_hardware),
    Knob(("options", "trainer"), _one_of(*get_args(Trainer))),
    Knob(("options", "allocator"), _one_of(*get_args(Allocator))),
    Knob(("options", "fsdp", "reduce_dtype"), _one_of(*get_args(ReduceDtype))),
    _deepspeed("reduce_bucket_size", 50_000_000, 200_000_000, 500_000_000),
    _deepspeed("allgather_bucket_size", 50_000_000, 200_000_000, 500_000_000),
    _deepspeed("overlap_comm", True, False),
    _deepspeed("contiguous_gradients", True, False),
    _deepspeed("sub_group_size", 100_000_000, 1_000_000_000),
    _deepspeed("stage3_max_live_parameters", 100_000_000, 1_000_000_000),
    _deepspeed("stage3_max_reuse_distance", 100_000_000, 1_000_000_000),
    _deepspeed("stage3_prefetch_bucket_size", 5_000_000, 50_000_000),
    _deepspeed("stage3_param_persistence_threshold", 100_000, 1_000_000),
)
