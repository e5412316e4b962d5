"""What the domain says when it is handed something that cannot be planned."""

from __future__ import annotations

from typing import NamedTuple


class FieldError(NamedTuple):
    """One bad field: where it is in the request, and what to do about it.

    `pointer` is a JSON pointer into the estimate request (RFC 6901), for example
    `/training/sequence_length`; `detail` is one sentence with the remedy.
    """

    pointer: str
    detail: str


class InvalidInput(ValueError):
    """A request that no answer exists for. Carries every bad field that was found."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{e.pointer}: {e.detail}" for e in errors))
        self.errors = errors
