"""Answers that belong to whoever holds the address: in no cache, no index and no referrer."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
}
_SHARE_PATHS = ("/s/", "/api/v1/shares/")


def is_share_path(path: str) -> bool:
    """Whether what is at a path belongs to a shared link."""
    return f"{path}/".startswith(_SHARE_PATHS)


class PrivateMiddleware:
    """Sets the headers on everything under the paths of shared links.

    Errors too: that a link ended is as private as what it showed, and a cached 404 would outlive
    its reason.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_share_path(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def send_privately(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_privately)
