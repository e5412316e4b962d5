"""Files that run a job as it was estimated: for DeepSpeed, Accelerate, Trainer, and the launch."""

from __future__ import annotations

from collections.abc import Callable

from app.domain.guidance import Trainer
from app.domain.job import Job
from app.domain.strategies import FrameworkId, Strategy
from app.domain.verdict import Verdict
from app.schemas.configurations import Configuration
from app.services.configurations import accelerate, deepspeed, launch, training_arguments
from app.services.configurations.run import Run

Writer = Callable[[Run], Configuration]

_WRITERS: dict[FrameworkId, tuple[Writer, ...]] = {
    "pytorch_ddp": (training_arguments.written, launch.written),
    "pytorch_fsdp": (accelerate.written, training_arguments.written, launch.written),
    "deepspeed": (deepspeed.written, training_arguments.written, launch.written),
}


def configurations(
    job: Job, strategy: Strategy, verdict: Verdict, trainer: Trainer = "hf_trainer"
) -> list[Configuration]:
    """The files that run `job` under `strategy`, the framework's own first.

    `verdict` is the strategy's: what is tight is launched with expandable segments, and what is
    unsupported has no files. Training arguments are left out for a plain PyTorch loop.
    """
    if verdict == "unsupported":
        return []
    run = Run(job, strategy, trainer, expandable=verdict == "tight")
    return [
        write(run)
        for write in _WRITERS[strategy.framework]
        if run.uses_trainer or write is not training_arguments.written
    ]
