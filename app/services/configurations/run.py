"""What all files of one run have in common: where it runs, in which numbers, under which names."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from app.domain.frameworks import ENGINES
from app.domain.guidance import Trainer
from app.domain.job import Job
from app.domain.precision import BF16, FP32
from app.domain.strategies import Strategy
from app.domain.training import PrecisionId

DEEPSPEED_FILE = "ds_config.json"
ACCELERATE_FILE = "accelerate.yaml"
ARGUMENTS_FILE = "training_arguments.json"
LAUNCH_FILE = "launch.sh"

# Where training starts from, not part of the estimate: common values for each kind of training.
_LEARNING_RATE_FULL, _LEARNING_RATE_ADAPTER = 1e-5, 2e-4
MAX_GRADIENT_NORM = 1.0

_HALF: dict[PrecisionId, str] = {
    "bf16_mixed": "bf16",
    "bf16_pure": "bf16",
    "fp16_mixed": "fp16",
    "fp32": "fp32",
}
DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


@dataclass(frozen=True)
class Run:
    """One job under one strategy. `expandable`: it needs expandable segments, asked for or not."""

    job: Job
    strategy: Strategy
    trainer: Trainer = "hf_trainer"
    expandable: bool = field(default=False, kw_only=True)

    @property
    def uses_trainer(self) -> bool:
        """Whether Hugging Face Trainer runs the loop; Megatron's place is taken by it."""
        return self.trainer != "pytorch"

    @property
    def expandable_segments(self) -> bool:
        return self.expandable or self.job.options.allocator == "expandable_segments"

    @cached_property
    def stage(self) -> int:
        """ZeRO's stage: what it shards says which."""
        if self.strategy.shard_parameters != "none":
            return 3
        return 2 if self.strategy.shard_gradients != "none" else 1

    @property
    def train_batch_size(self) -> int:
        """Samples of one optimizer step: micro-batch × accumulation × GPUs."""
        training = self.job.training
        micro, steps = training.micro_batch_size, training.gradient_accumulation_steps
        return micro * steps * self.job.hardware.world_size

    @property
    def half(self) -> str:
        """The format of the arithmetic: bf16, fp16 or fp32."""
        return _HALF[self.job.training.precision]

    @property
    def mixed(self) -> str:
        """What mixed-precision switches say: bf16, fp16, or no where weights have one format.

        DeepSpeed keeps an fp32 master copy of 16-bit weights, however they are called.
        """
        numerics = ENGINES[self.strategy.engine].numerics[self.job.training.precision]
        single = numerics.weights == numerics.gathered == FP32 and numerics.stream == "full"
        pure = self.strategy.framework != "deepspeed" and numerics.weights == BF16
        return "no" if single or pure else self.half

    @property
    def load_dtype(self) -> str:
        """The format to load the checkpoint in, as torch calls it."""
        numerics = ENGINES[self.strategy.engine].numerics[self.job.training.precision]
        full = self.job.training.method == "full"
        return "float32" if full and numerics.weights == FP32 else DTYPES[self.half]

    @property
    def casts_adapters(self) -> bool:
        """Whether PEFT makes the adapters fp32, as it does unless told otherwise."""
        return ENGINES[self.strategy.engine].adapter_bytes(self.job) == FP32

    @property
    def learning_rate(self) -> float:
        full = self.job.training.method == "full"
        return _LEARNING_RATE_FULL if full else _LEARNING_RATE_ADAPTER

    @property
    def model_name(self) -> str:
        """What `from_pretrained` loads: a repository's id, or a path for the user to fill in."""
        return self.job.spec.id if "/" in self.job.spec.id else "path/to/model"
