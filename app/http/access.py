"""Where access is by key, nobody gets further than here without one.

Everything needs a key, and every method that changes something needs one that may write, unless it
is listed here: a route that is added later is closed until somebody opens it.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import cast
from urllib.parse import quote, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.cross_site import SAFE_METHODS
from app.http.private import is_share_path
from app.http.problems import PROGRAM_PATHS
from app.http.rate_limit import RateLimiter
from app.services.access import AccessService, Principal

# `__Host-` makes browsers refuse it without Secure, with a Domain, or for another path than `/`.
COOKIE = "__Host-shardplan"
SIGN_IN = "/sign-in"
PRINCIPAL = "shardplan.principal"

# Files, probes and this machinery itself.
_UNCOUNTED = frozenset({"/favicon.ico", "/healthz", "/readyz", "/metrics"})
# Links carry their own credential; the theme is a cookie about nothing but colours.
_FOR_EVERYBODY = frozenset({SIGN_IN, "/sign-out", "/theme"})
# They compute and keep nothing: a key that may only read is enough.
_COMPUTING = frozenset(
    {
        "/accuracy/comparisons",
        "/bulk",
        "/compare/clear",
        "/api/v1/accuracy/comparisons",
        "/api/v1/configurations",
        "/api/v1/estimate-batches",
        "/api/v1/estimates",
        "/api/v1/recommendations",
        "/api/v1/system-searches",
    }
)


class AccessMiddleware:
    """Finds out who asks, counts the request, and turns away who may not.

    A request without a valid credential counts for its address, any other for its key.
    """

    def __init__(self, app: ASGIApp, access: AccessService, limiter: RateLimiter) -> None:
        self._app = app
        self._access = access
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_counted(scope["path"]):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        principal = await run_in_threadpool(self._principal, request)
        if principal is None and needs_key(scope["path"]):
            await self._turned_away(request)(scope, receive, send)
            return
        if principal is not None:
            _check_scope(request, principal)
        scope[PRINCIPAL] = principal

        async def send_to_this_one(message: Message) -> None:
            if message["type"] == "http.response.start" and principal is not None:
                # After signing out nothing of a workspace is left in the browser.
                MutableHeaders(scope=message).setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_to_this_one)

    def _principal(self, request: Request) -> Principal | None:
        """Who asks. Runs in a thread: both the database and the counter may be far away."""
        principal = identified(request, self._access)
        if principal is None:
            self._limiter.count_address(address_of(request.scope))
        else:
            self._limiter.count_key(principal.key_id)
        return principal

    def _turned_away(self, request: Request) -> Response:
        if request.scope["path"].startswith(PROGRAM_PATHS):
            given = "authorization" in request.headers
            error = ', error="invalid_token"' if given else ""
            raise HTTPException(
                401,
                "This key does not work. Ask for a new one."
                if given
                else "Send a key: Authorization: Bearer shardplan_…",
                headers={"WWW-Authenticate": f'Bearer realm="shardplan"{error}'},
            )
        address = f"{SIGN_IN}?{urlencode({'next': _wanted(request)})}"
        if request.headers.get("hx-request") == "true":
            # A redirect would be followed in the background and put the form into the page.
            return Response(status_code=401, headers={"HX-Redirect": address})
        return RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})


def identified(request: Request, access: AccessService) -> Principal | None:
    """Whose key or session a request carries. A bad key is not excused by a good session."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme:
        return access.by_key(key.strip()) if scheme.lower() == "bearer" else None
    token = session_token(request)
    return access.by_session(token) if token else None


def session_token(request: Request) -> str:
    """What the browser's sign-in cookie holds, "" without one."""
    return request.cookies.get(COOKIE, "")


def principal_of(request: Request) -> Principal | None:
    """Who asks; None where access is open, and for what everybody may see."""
    return cast(Principal | None, request.scope.get(PRINCIPAL))


def address_of(scope: Scope) -> str:
    """The address that a request counts for; of IPv6 the /64, which is what one customer gets.

    The server replaces it by `X-Forwarded-For` where a trusted proxy says so, and only then.
    """
    client = scope.get("client")
    host: str = client[0] if client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host or "unknown"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Address(int(address) >> 64 << 64))
    return host


def is_counted(path: str) -> bool:
    """Whether requests for a path count for whoever sends them."""
    return path not in _UNCOUNTED and not path.startswith("/static/")


def needs_key(path: str) -> bool:
    """Whether a path is for holders of a key."""
    return is_counted(path) and path not in _FOR_EVERYBODY and not is_share_path(path)


def needs_writing(method: str, path: str) -> bool:
    """Whether only a key that may write gets further."""
    return method not in SAFE_METHODS and path not in _COMPUTING and needs_key(path)


def _check_scope(request: Request, principal: Principal) -> None:
    path, method = request.scope["path"], request.method
    if method in SAFE_METHODS:
        return
    # Only browsers keep cookies, and every browser says where a request that changes things
    # comes from; where it comes from has been checked already.
    if principal.by_session and not {"origin", "sec-fetch-site"} & set(request.headers.keys()):
        raise HTTPException(403, "Send the Origin header, or a key instead of a cookie.")
    if principal.may_write or not needs_writing(method, path):
        return
    raise HTTPException(403, f"The key {principal.key_name!r} may read only. Use one that writes.")


def _wanted(request: Request) -> str:
    """Where to go after signing in: this page, or the one whose form was sent."""
    if request.method in ("GET", "HEAD") and "hx-request" not in request.headers:
        path = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
        query = request.scope["query_string"]
        return _local(b"?".join(part for part in (path.partition(b"?")[0], query) if part).decode())
    source = request.headers.get("hx-current-url") or request.headers.get("referer", "")
    try:
        same = urlsplit(source).netloc == request.headers.get("host")
    except ValueError:
        same = False
    return _local(source) if same else "/"


def _local(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
