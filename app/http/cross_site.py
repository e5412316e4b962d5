"""Other sites cannot make a visitor's browser change anything here."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossSiteMiddleware:
    """Refuses unsafe methods that a browser says come from elsewhere.

    Browsers send `Sec-Fetch-Site` (older ones `Origin` alone) and pages cannot forge either;
    programs send neither and pass. `same-site` is refused too: to a browser, another port of
    localhost is the same site.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["method"] not in SAFE_METHODS
            and _comes_from_elsewhere(Headers(scope=scope))
        ):
            raise HTTPException(403, "This was sent from another site. Send it from our own pages.")
        await self._app(scope, receive, send)


def _comes_from_elsewhere(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        # The host alone: behind a proxy that ends TLS the scheme that we see differs.
        return urlsplit(origin).netloc != headers.get("host")
    except ValueError:  # half an IPv6 address
        return True
