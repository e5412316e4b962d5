"""JSON from outside as a document: finite, of bounded depth, of whole characters, no key twice."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

from app.domain.errors import FieldError, InvalidInput

MAX_DEPTH = 32


class NotJson(ValueError):
    """Text that is not JSON; the message says where or why, and is no whole sentence."""


def read_json(text: str) -> Any:
    """The document in a text from outside.

    Raises:
        NotJson: it is not JSON.
        InvalidInput: it is not finite, has half a character, a key twice in one object, or nests
            deeper than `MAX_DEPTH`; the pointers are into the document.
    """
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise _too_deep("") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError:  # an integer of thousands of digits
        raise NotJson("send numbers of reasonable length") from None
    _check_values(document)
    return document


class _Repeating(dict[str, Any]):
    """An object of which `key` stood there more than once."""

    key = ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeating = _Repeating(found)
    counts = Counter(key for key, _ in pairs)
    repeating.key = next(key for key, count in counts.items() if count > 1)
    return repeating


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
            if isinstance(value, _Repeating):
                raise _twice(pointer_to((*path, value.key)), value.key)
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


def _twice(pointer: str, key: str) -> InvalidInput:
    shown = key if len(key) <= 60 else key[:57] + "…"
    return InvalidInput(FieldError(pointer, f"{shown} stands there more than once: keep one."))


def _half_a_character(pointer: str) -> InvalidInput:
    return InvalidInput(FieldError(pointer, "Use complete characters: a surrogate stands alone."))
