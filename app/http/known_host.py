"""A server for this machine answers to this machine's names only."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ONE_LABEL = re.compile(r"[a-z](?:[a-z0-9_-]*[a-z0-9])?")
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]]+)(?::\d*)?", re.IGNORECASE)


class KnownHostMiddleware:
    """Refuses requests for a host that is neither loopback nor `host`, with 421.

    Listening on loopback keeps other machines out but not other sites: a site whose name is
    suddenly resolved to 127.0.0.1 (DNS rebinding) has its pages in the visitor's browser talk to
    us as its own server. Their requests still carry that site's name.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._known = LOOPBACK_NAMES | {f"[{host}]" if ":" in host else host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_known(Headers(scope=scope).getlist("host")):
            raise HTTPException(
                421,
                "This server answers to localhost and 127.0.0.1 only. Use that address, or set "
                "SHARDPLAN_ALLOW_REMOTE=true where something else decides who gets in.",
            )
        await self._app(scope, receive, send)

    def _is_known(self, hosts: list[str]) -> bool:
        found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if found is None:
            return False
        name = found["name"].lower()
        # No site on the internet has a name of one label; containers and office networks do.
        return name in self._known or _ONE_LABEL.fullmatch(name) is not None
