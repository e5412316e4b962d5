"""JSON from outside as a document: finite, of bounded depth, of whole characters."""

from __future__ import annotations

import json
import math
from typing import Any

from app.domain.errors import FieldError, InvalidInput

MAX_DEPTH = 32


class NotJson(ValueError):
    """Text that is not JSON; the message says where or why, and is no whole sentence."""


def read_json(text: str) -> Any:
    """The document in a text from outside.

    Raises:
        NotJson: it is not JSON.
        InvalidInput: it is not finite, has half a character or nests deeper than `MAX_DEPTH`;
            the pointers are into the document.
    """
    try:
        document = json.loads(text)
    except RecursionError:
        raise _too_deep("") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError:  # an integer of thousands of digits
        raise NotJson("send numbers of reasonable length") from None
    _check_values(document)
    return document


def _check_values(document: Any) -> None:
    pending: list[tuple[Any, tuple[str, ...]]] = [(document, ())]
    while pending:
        value, path = pending.pop()
        if isinstance(value, dict | list):
            if len(path) >= MAX_DEPTH:
                raise _too_deep(pointer_to(path))
            entries = value.items() if isinstance(value, dict) else enumerate(value)
            for key, child in entries:
                if isinstance(key, str) and not _is_text(key):
                    raise _half_a_character(pointer_to(path))
                pending.append((child, (*path, str(key))))
        elif isinstance(value, float) and not math.isfinite(value):
            raise InvalidInput(FieldError(pointer_to(path), "Use a finite number."))
        elif isinstance(value, str) and not _is_text(value):
            raise _half_a_character(pointer_to(path))


def pointer_to(path: tuple[str, ...]) -> str:
    """The JSON pointer of a path of keys and indices (RFC 6901)."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8; a surrogate escape that stands alone cannot."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_deep(pointer: str) -> InvalidInput:
    return InvalidInput(FieldError(pointer, f"Nest at most {MAX_DEPTH} levels."))


def _half_a_character(pointer: str) -> InvalidInput:
    return InvalidInput(FieldError(pointer, "Use complete characters: a surrogate stands alone."))
