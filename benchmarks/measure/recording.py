"""What the caching allocator held, phase by phase."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from app.catalog.measured import Measured

Phase = Literal["forward", "backward", "step"]


class Reading(NamedTuple):
    """The allocator's counters since the last reading. Bytes."""

    allocated: int
    allocated_peak: int
    reserved: int
    reserved_peak: int


class Recorder:
    """Collects readings while a job trains; `read` returns one and starts the next peak.

    A phase's peak is the highest of the steady step, which is the last one: the optimizer's states
    exist and the allocator has settled. With gradient accumulation the highest micro-batch counts.
    """

    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read
        self._peaks: dict[tuple[int, Phase], int] = {}
        self._after_setup = 0
        self._resident = 0
        self._reserved = 0
        self._reserved_peak = 0
        self._seconds: list[float] = []
        self._started = 0.0
        read()

    def setup_done(self) -> None:
        """Before the first step: what the job's model and engine hold."""
        self._after_setup = self._read().allocated

    def step_begins(self) -> None:
        self._started = time.perf_counter()

    def phase_done(self, step: int, phase: Phase) -> None:
        """The end of a phase of step `step`, counted from 0."""
        reading = self._read()
        at = (step, phase)
        self._peaks[at] = max(self._peaks.get(at, 0), reading.allocated_peak)
        self._reserved_peak = max(self._reserved_peak, reading.reserved_peak)
        if phase == "step":
            self._resident, self._reserved = reading.allocated, reading.reserved
            self._seconds.append(time.perf_counter() - self._started)

    def measured(self, context_bytes: int, process_used: int) -> Measured:
        """The figures of the run, once the last step is done."""
        last = max(step for step, _ in self._peaks)
        steady = {phase: peak for (step, phase), peak in self._peaks.items() if step == last}
        return Measured(
            peak_allocated=max(self._peaks.values()),
            steady_peak_allocated=max(steady.values()),
            phase_forward=steady["forward"],
            phase_backward=steady["backward"],
            phase_step=steady["step"],
            after_setup=self._after_setup,
            resident_after_step=self._resident,
            peak_reserved=self._reserved_peak,
            context_bytes=context_bytes,
            process_used=process_used,
            reserved_at_end=self._reserved,
            host_rss_peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            step_seconds=round(min(self._seconds), 4),
        )


def cuda_reading() -> Reading:
    """The counters of the current CUDA device, whose peaks are reset."""
    import torch

    torch.cuda.synchronize()
    stats = torch.cuda.memory_stats()
    torch.cuda.reset_peak_memory_stats()
    return Reading(
        stats["allocated_bytes.all.current"],
        stats["allocated_bytes.all.peak"],
        stats["reserved_bytes.all.current"],
        stats["reserved_bytes.all.peak"],
    )


def process_bytes() -> int:
    """What the driver counts for this process on all GPUs: allocator, context and libraries.

    0 where the driver does not say, as in some containers.
    """
    import pynvml

    pynvml.nvmlInit()
    for index in range(pynvml.nvmlDeviceGetCount()):
        device = pynvml.nvmlDeviceGetHandleByIndex(index)
        for process in pynvml.nvmlDeviceGetComputeRunningProcesses(device):
            if process.pid == os.getpid():
                return int(process.usedGpuMemory or 0)
    return 0
