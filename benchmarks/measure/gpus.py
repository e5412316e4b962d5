"""Which GPU of the catalogue is in this machine."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.domain.errors import FieldError, InvalidInput
from app.domain.hardware import Gpu

# How far a card's memory may lie from the catalogue's: boards differ by their reserve.
_MEMORY_TOLERANCE = 0.03
# Form factors that a driver's name tells; it says nothing of SXM.
_TOLD = {"nvl", "pcie"}


def present_gpu() -> tuple[str, int]:
    """The driver's name of the first GPU and its memory in bytes."""
    import pynvml

    pynvml.nvmlInit()
    device = pynvml.nvmlDeviceGetHandleByIndex(0)
    name = pynvml.nvmlDeviceGetName(device)
    total = int(pynvml.nvmlDeviceGetMemoryInfo(device).total)
    return (name.decode() if isinstance(name, bytes) else str(name)), total


def gpu_id(name: str, total_bytes: int, gpus: Iterable[Gpu]) -> str:
    """The id of the catalogue's GPU with this name and memory.

    Of the GPUs with such a memory it is the one that shares most words with the driver's name, a
    model number among them; then one without a form factor that the name would tell, then the one
    of the nearest memory.

    Raises:
        InvalidInput: there is none; say which it is.
    """
    words = _words(name)
    best: tuple[int, int, float, str] | None = None
    for gpu in gpus:
        known = _words(gpu.name) | _words(gpu.id)
        common = words & known
        distance = abs(gpu.driver_bytes / total_bytes - 1)
        if distance > _MEMORY_TOLERANCE or not any(re.search(r"\d", word) for word in common):
            continue
        rank = (-len(common), len(_TOLD & known - words), distance, gpu.id)
        best = rank if best is None else min(best, rank)
    if best is None:
        detail = f"The catalogue has no {name} of {total_bytes:,} bytes: name its GPU with --gpu."
        raise InvalidInput(FieldError("/hardware/gpu", detail))
    return best[-1]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))
