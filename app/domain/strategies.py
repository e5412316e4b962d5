"""The strategies: one record each. What is sharded over which ranks, and where it lives.

Everything that menus, API enums, docs and formulas need to know about a strategy stands in its
record; nothing else names one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FrameworkId = Literal["pytorch_ddp", "deepspeed", "pytorch_fsdp"]
Place = Literal["gpu", "cpu", "nvme"]
Scope = Literal["none", "world", "node"]


@dataclass(frozen=True)
class Strategy:
    """How one strategy divides the training state.

    `shard_*` says over which ranks that state is divided (`none`: every rank holds a copy), and
    `*_on` where it lives between its uses. `regathers` is whether parameters are freed after a
    layer's forward and gathered again for its backward. `engine` names the allocation model
    that `frameworks` registers. `common` is false for strategies that the page folds away.
    `complexity` orders strategies that fit, less communication and fewer moving parts first; those
    of one level are equals that a rule or this job's traffic decides between.
    """

    id: str
    title: str
    framework: FrameworkId
    engine: str
    summary: str
    source: str
    source_url: str
    shard_optimizer: Scope = "none"
    shard_gradients: Scope = "none"
    shard_parameters: Scope = "none"
    optimizer_on: Place = "gpu"
    parameters_on: Place = "gpu"
    regathers: bool = True
    common: bool = True
    complexity: int = 0

    @property
    def offload(self) -> Literal["none", "cpu", "nvme"]:
        """The deepest place that this strategy needs: nothing, host memory or NVMe."""
        if "nvme" in (self.optimizer_on, self.parameters_on):
            return "nvme"
        return "cpu" if "cpu" in (self.optimizer_on, self.parameters_on) else "none"


_ZERO = ("Rajbhandari et al., ZeRO, 2020", "https://arxiv.org/abs/1910.02054")
_OFFLOAD = ("Ren et al., ZeRO-Offload, 2021", "https://arxiv.org/abs/2101.06840")
_INFINITY = ("Rajbhandari et al., ZeRO-Infinity, 2021", "https://arxiv.org/abs/2104.07857")
_FSDP = ("Zhao et al., PyTorch FSDP, 2023", "https://arxiv.org/abs/2304.11277")
_DDP = ("Li et al., PyTorch Distributed, 2020", "https://arxiv.org/abs/2006.15704")


def _record(citation: tuple[str, str], **facts: object) -> Strategy:
    return Strategy(source=citation[0], source_url=citation[1], **facts)  # type: ignore[arg-type]


_RECORDS = (
    _record(
        _DDP,
        id="ddp",
        title="DDP",
        framework="pytorch_ddp",
        engine="ddp",
        complexity=0,
        summary="Every GPU holds the whole model; on one GPU this is plain training.",
    ),
    _record(
        _ZERO,
        id="zero1",
        title="ZeRO-1",
        framework="deepspeed",
        engine="zero12",
        complexity=1,
        summary="Shards the optimizer states.",
        shard_optimizer="world",
    ),
    _record(
        _ZERO,
        id="zero2",
        title="ZeRO-2",
        framework="deepspeed",
        engine="zero12",
        complexity=1,
        summary="Shards optimizer states and gradients.",
        shard_optimizer="world",
        shard_gradients="world",
    ),
    _record(
        _ZERO,
        id="zero3",
        title="ZeRO-3",
        framework="deepspeed",
        engine="zero3",
        complexity=2,
        summary="Shards optimizer states, gradients and parameters.",
        shard_optimizer="world",
        shard_gradients="world",
        shard_parameters="world",
    ),
    _record(
        _FSDP,
        id="fsdp2_shard_grad_op",
        title="FSDP2, shard grad op",
        framework="pytorch_fsdp",
        engine="fsdp2",
        complexity=1,
        regathers=False,
        summary="Shards everything at rest; parameters stay gathered from forward to backward.",
        shard_optimizer="world",
        shard_gradients="world",
        shard_parameters="world",
    ),
    _record(
        _FSDP,
        id="fsdp2",
        title="FSDP2, full shard",
        framework="pytorch_fsdp",
        engine="fsdp2",
        complexity=2,
        summary="Shards everything and gathers one layer at a time.",
        shard_optimizer="world",
        shard_gradients="world",
        shard_parameters="world",
    ),
    _record(
        _FSDP,
        id="fsdp2_hybrid",
        title="FSDP2, hybrid",
        framework="pytorch_fsdp",
        engine="fsdp2",
        complexity=2,
        summary="Shards inside a node and replicates across nodes.",
        shard_optimizer="node",
        shard_gradients="node",
        shard_parameters="node",
    ),
    _record(
        _OFFLOAD,
        id="zero2_offload",
        title="ZeRO-2, optimizer on CPU",
        framework="deepspeed",
        engine="zero12",
        complexity=3,
        optimizer_on="cpu",
        summary="ZeRO-2 with the optimizer step in host memory.",
        shard_optimizer="world",
        shard_gradients="world",
    ),
    _record(
        _OFFLOAD,
        id="zero3_offload_optimizer",
        title="ZeRO-3, optimizer on CPU",
        framework="deepspeed",
        engine="zero3",
        complexity=4,
        optimizer_on="cpu",
        summary="ZeRO-3 with the optimizer step in host memory.",
        shard_optimizer="world",
        shard_gradients="world",
        shard_parameters="world",
    ),
    _record(
        _OFFLOAD,
        id="zero3_offload",
        title="ZeRO-3, all on CPU",
        framework="deepspeed",
        engine="zero3",
        complexity=5,
        optimizer_on="cpu",
        parameters_on="cpu",
        summary="ZeRO-3 with optimizer states and parameters in host memory.",
        shard_optimizer="world",
        shard_gradients="world",
        shard_parameters="world",
    ),
    _record(
        _INFINITY,
        id="zero_infinity",
        title="ZeRO-Infinity, all on NVMe",
        framework="deepspeed",
        engine="zero3",
        complexity=6,
        optimizer_on="nvme",
        parameters_on="nvme",
        summary="ZeRO-3 with optimizer states and parameters on NVMe.",
        shard_optimizer="world",
        shard_gradients="world",
        shard_parameters="world",
    ),
    _record(
        _FSDP,
        id="fsdp2_offload",
        title="FSDP2, all on CPU",
        framework="pytorch_fsdp",
        engine="fsdp2",
        complexity=5,
        optimizer_on="cpu",
        parameters_on="cpu",
        summary="FSDP2 full shard with parameters, gradients and optimizer in host memory.",
        shard_optimizer="world",
        shard_gradients="world",
        shard_parameters="world",
    ),
    _record(
        _FSDP,
        id="fsdp1",
        title="FSDP1, full shard",
        framework="pytorch_fsdp",
        engine="fsdp1",
        complexity=2,
        common=False,
        summary="The older FSDP, with flat parameters.",
        shard_optimizer="world",
        shard_gradients="world",
        shard_parameters="world",
    ),
    _record(
        _FSDP,
        id="fsdp1_shard_grad_op",
        title="FSDP1, shard grad op",
        framework="pytorch_fsdp",
        engine="fsdp1",
        complexity=1,
        common=False,
        regathers=False,
        summary="The older FSDP; parameters stay gathered from forward to backward.",
        shard_optimizer="world",
        shard_gradients="world",
        shard_parameters="world",
    ),
)

STRATEGIES: dict[str, Strategy] = {s.id: s for s in _RECORDS}
