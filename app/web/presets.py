"""The jobs that people bring: one record each, shown as links that fill the planner."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.schemas.planning import Preferences
from app.services.patching import Patch
from app.web import forms


@dataclass(frozen=True)
class Preset:
    """A job as a patch of the worked example. `note` names the machine and what matters there."""

    title: str
    note: str
    patch: Patch

    @cached_property
    def href(self) -> str:
        """The planner's address for this job."""
        return "/?" + forms.query(*forms.patched(forms.EXAMPLE, Preferences(), self.patch))


def _job(
    model: str,
    gpu: str,
    gpus: int,
    *,
    nodes: int = 1,
    host_gib: int = 512,
    offload: str = "none",
    **training: Any,
) -> Patch:
    return {
        "model": {"id": model},
        "hardware": {
            "gpu": gpu,
            "gpus_per_node": gpus,
            "nodes": nodes,
            "host_memory_gib": host_gib,
        },
        "preferences": {"offload": offload},
        "training": training,
    }


_8B = "meta-llama/Llama-3.1-8B"
_70B = "meta-llama/Llama-3.1-70B"
_MIXTURE = "mistralai/Mixtral-8x7B-v0.1"

PRESETS = (
    Preset(
        "LoRA, 8 B",
        "One L40S 48 GB, 4,096 tokens",
        _job(_8B, "l40s", 1, method="lora", sequence_length=4096),
    ),
    Preset(
        "QLoRA, 70 B",
        "One 96 GB card, 2,048 tokens",
        _job(_70B, "rtxpro6000-ws", 1, method="qlora"),
    ),
    Preset(
        "Full fine-tune, 8 B",
        "8 × H100, 8,192 tokens",
        _job(_8B, "h100-80-sxm", 8, host_gib=2048, sequence_length=8192),
    ),
    Preset(
        "Full fine-tune, 70 B",
        "2 nodes of 8 × H200, 4,096 tokens",
        _job(_70B, "h200-141-sxm", 8, nodes=2, host_gib=2048, sequence_length=4096),
    ),
    Preset(
        "Full fine-tune, 70 B, one node",
        "8 × H100, optimizer on the CPU",
        _job(_70B, "h100-80-sxm", 8, host_gib=2048, offload="cpu"),
    ),
    Preset(
        "Continued pre-training, 8 B",
        "4 nodes of 8 × H100, 16 samples a step and GPU",
        _job(
            _8B, "h100-80-sxm", 8,
            nodes=4, host_gib=2048,
            sequence_length=8192, micro_batch_size=2, gradient_accumulation_steps=8,
        ),
    ),
    Preset(
        "Mixture of experts, LoRA",
        "Mixtral 8×7B on 2 × H100, 4,096 tokens",
        _job(_MIXTURE, "h100-80-sxm", 2, host_gib=1024, method="lora", sequence_length=4096),
    ),
)  # fmt: skip
