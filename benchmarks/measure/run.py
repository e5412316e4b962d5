"""One case, in this process."""

from __future__ import annotations

import os

from app.catalog.measured import MeasuredRun
from benchmarks.measure.cases import Plan
from benchmarks.measure.recording import Recorder, cuda_reading, process_bytes
from benchmarks.measure.results import installed_versions, measured_run

EXPANDABLE = "expandable_segments:True"


def run(plan: Plan) -> MeasuredRun:
    """Train the case's steps on this machine's GPU and say what they took."""
    if plan.job.options.allocator == "expandable_segments":
        os.environ["PYTORCH_CUDA_ALLOC_CONF"] = EXPANDABLE  # read when torch allocates first

    import torch

    from benchmarks.measure import plain, trainer
    from benchmarks.measure.ranks import local_rank, start_ranks

    device = torch.device("cuda", local_rank(plan))
    torch.cuda.set_device(device)
    start_ranks(plan, device)
    torch.zeros(1, device=device)
    context = process_bytes()
    recorder = Recorder(cuda_reading)
    loop = trainer.train if plan.case.trainer == "hf_trainer" else plain.train
    loop(plan, device, recorder)
    return measured_run(plan, recorder.measured(context, process_bytes()), installed_versions())


def is_first_rank() -> bool:
    """Whether this process is the one that reports."""
    return int(os.environ.get("RANK", 0)) == 0
