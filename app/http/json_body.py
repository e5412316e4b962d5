"""What a JSON body must be before any route reads it."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.schemas.json_text import NotJson, read_json

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


def check_json(body: bytes) -> None:
    """Refuses a body that is not JSON in UTF-8 (400) or that `read_json` refuses."""
    try:
        # Decoded here, because the JSON module would guess UTF-16 and UTF-32 too.
        read_json(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise HTTPException(400, "The body is not JSON: send UTF-8 text.") from None
    except NotJson as error:
        raise HTTPException(400, f"The body is not JSON: {error}.") from None
