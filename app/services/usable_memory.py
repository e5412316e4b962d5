"""How much memory of a GPU a job may be told to use."""

from __future__ import annotations

from app.domain.errors import FieldError, InvalidInput
from app.domain.hardware import Gpu


def check_usable_memory(gpu: Gpu, usable_bytes: int | None, pointer: str) -> None:
    """Raises InvalidInput, at `pointer`, for more bytes than the card has."""
    if usable_bytes is not None and usable_bytes > gpu.driver_bytes:
        raise InvalidInput(
            FieldError(
                pointer,
                f"{gpu.name} offers {gpu.driver_bytes:,} bytes. Use {gpu.driver_bytes:,} or less.",
            )
        )
