"""One line in the log and one count in the metrics for each answer."""

from __future__ import annotations

import logging
from functools import cached_property
from time import perf_counter

from fastapi import FastAPI
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.access import PRINCIPAL
from app.http.metrics import Metrics

log = logging.getLogger("app.access")

# Asked every few seconds by machines: their lines would bury the others.
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NOWHERE = "unmatched"
_CLOSED = 499  # nobody was there any more to take the answer


class ObservingMiddleware:
    """Tells which route was asked and how it went: its template, never the path or the query.

    The path of a shared link holds its token, and a query can hold whatever somebody typed.
    """

    def __init__(self, app: ASGIApp, product: FastAPI, metrics: Metrics) -> None:
        self._app = app
        self._product = product
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # An invented method is a caller's own text.
        method = scope["method"] if scope["method"] in _METHODS else "other"
        status = _CLOSED

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        scope = dict(scope)  # a HEAD becomes a GET in it, and the route is found in it
        start = perf_counter()
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, watched_send)
        finally:
            seconds = perf_counter() - start
            self._metrics.in_flight.dec()
            route = self._template(scope)
            principal = scope.get(PRINCIPAL)
            by = {} if principal is None else {"key": principal.key_id}
            self._metrics.answered(method, route, status, seconds)
            log.log(
                logging.DEBUG if route in _PROBES and status < 500 else logging.INFO,
                "%s %s %d %.1f ms%s",
                method,
                route,
                status,
                seconds * 1000,
                f" by {by['key']}" if by else "",
                extra={
                    "method": method,
                    "route": route,
                    "status": status,
                    "duration_ms": round(seconds * 1000, 1),
                    **by,
                },
            )

    def _template(self, scope: Scope) -> str:
        """The whole template; a matched route knows only its own part, without its router's."""
        matched = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
        if matched is not None:
            return str(matched.path_format)
        for mount in self._mounts:
            if scope["path"].startswith(f"{mount}/"):
                return f"{mount}/{{path}}"
        return _NOWHERE

    @cached_property
    def _mounts(self) -> list[str]:
        return [route.path for route in self._product.routes if isinstance(route, Mount)]
