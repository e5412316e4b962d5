"""Configurations that run: files for one strategy, and the request that asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from app.schemas.estimates import (
    EstimateRequest,
    HardwareChoice,
    ModelChoice,
    OptionsChoice,
    Request,
    TrainingChoice,
    Verdict,
)
from app.schemas.planning import Preferences

Format = Literal["deepspeed_json", "accelerate_yaml", "training_arguments_json", "launch_command"]


@dataclass(slots=True)
class Configuration:
    """One file: its format, the name that the other files know it by, and its text."""

    format: Format
    filename: str
    content: str


class ConfigurationRequest(Request):
    """An estimate's request, narrowed to one strategy."""

    model: ModelChoice
    hardware: HardwareChoice
    training: TrainingChoice = TrainingChoice()
    options: OptionsChoice = OptionsChoice()
    strategy: str = Field(max_length=64, examples=["zero3"])
    preferences: Preferences = Preferences()

    @property
    def estimate_request(self) -> EstimateRequest:
        """The same job as `POST /api/v1/estimates` takes it."""
        return EstimateRequest(
            model=self.model, hardware=self.hardware, training=self.training, options=self.options
        )


@dataclass(slots=True)
class ConfigurationResponse:
    """The files of one strategy; none where it is `unsupported`, and `notes` says why."""

    strategy: str
    framework: str
    verdict: Verdict
    notes: list[str]
    configs: list[Configuration]


CONFIGURATION_REQUESTS: dict[str, Any] = {
    "deepspeed": {
        "summary": "Llama-3.1-70B under ZeRO-3 with the optimizer on the CPU",
        "value": {
            "model": {"id": "meta-llama/Llama-3.1-70B"},
            "hardware": {
                "gpu": "rtxpro6000-ws",
                "gpus_per_node": 4,
                "nodes": 1,
                "host_memory_gib": 2048,
            },
            "strategy": "zero3_offload_optimizer",
        },
    },
    "fsdp": {
        "summary": "LoRA under FSDP2, in a loop of one's own",
        "value": {
            "model": {"id": "meta-llama/Llama-3.1-8B"},
            "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 8},
            "training": {"method": "lora", "lora": {"rank": 16}, "micro_batch_size": 4},
            "strategy": "fsdp2",
            "preferences": {"trainer": "pytorch"},
        },
    },
}
