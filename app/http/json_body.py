"""What a JSON body must be before any route reads it: JSON, finite, of bounded depth."""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.errors import FieldError, InvalidInput

MAX_DEPTH = 32
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


class JsonBodyMiddleware:
    """Reads and checks the bodies of one path prefix, then hands the same bytes on.

    Raises HTTPException 415 for another content type, 400 for text that is not JSON, and
    InvalidInput for what JSON cannot mean here (NaN, 1e999, endless nesting, half a character).
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] not in _BODY_METHODS
            or not scope["path"].startswith(self._prefix)
        ):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body:
            _check_content_type(Headers(scope=scope).get("content-type"))
            check_json(body)
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


async def _read(receive: Receive) -> bytes:
    chunks = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "The connection closed before the body was complete.")
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


def _check_content_type(value: str | None) -> None:
    essence = (value or "").partition(";")[0].strip().lower()
    if essence == "application/json" or (
        essence.startswith("application/") and essence.endswith("+json")
    ):
        return
    sent = f"not {essence}" if essence else "and say so"
    raise HTTPException(
        415,
        f"Send JSON, {sent}: set the header Content-Type: application/json.",
        headers={"Accept": "application/json"},
    )


class NotJson(ValueError):
    """Text that is not JSON; the message says where or why, and is no whole sentence."""


def check_json(body: bytes) -> None:
    """Refuses a body that is not JSON in UTF-8 (400) or that `read_json` refuses."""
    try:
        # Decoded here, because the JSON module would guess UTF-16 and UTF-32 too.
        read_json(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise HTTPException(400, "The body is not JSON: send UTF-8 text.") from None
    except NotJson as error:
        raise HTTPException(400, f"The body is not JSON: {error}.") from None


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
