"""Headers that every answer carries, errors included."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import is_loopback

# The one host that HTMX and Plotly may come from; the page falls back to same-origin copies.
CDN = "https://cdn.jsdelivr.net"

# Plotly adds an empty <style> element and fills it through the CSSOM: the hash of no text.
_EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src 'self' {CDN}",
        f"style-src 'self' {_EMPTY_STYLE}",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "object-src 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # `no-referrer` would make browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

_A_YEAR = "max-age=31536000"


class SecurityHeadersMiddleware:
    """Adds the headers; an answer that sets one itself, to be stricter, keeps its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        over_tls = scope["scheme"] == "https" and _is_own_name(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-cache")
                if over_tls:
                    headers["Strict-Transport-Security"] = _A_YEAR
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _is_own_name(scope: Scope) -> bool:
    """Whether a request came for a name that is this server's alone.

    Of `localhost` a browser would expect TLS at every port from then on, those of others included.
    """
    try:
        return not is_loopback(urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname or "")
    except ValueError:  # half an IPv6 address
        return False
