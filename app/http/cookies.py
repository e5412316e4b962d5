"""Cookies about one browser: out of its scripts' reach, and over TLS bound to it.

The prefix `__Secure-` makes browsers refuse a cookie that did not come over TLS, so that nobody on
the way can plant one. Over plain http, which is for one machine, there is no such thing.
"""

from __future__ import annotations

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

SameSite = Literal["lax", "strict"]


def cookie(request: Request, name: str) -> str:
    """What the browser sent under a name, "" without one."""
    return request.cookies.get(_full(request, name), "")


def keep_cookie(
    response: Response,
    request: Request,
    name: str,
    value: str,
    *,
    seconds: int | None = None,
    path: str = "/",
    same_site: SameSite = "lax",
) -> None:
    """Has the browser keep a value, without `seconds` until it is closed."""
    response.set_cookie(
        _full(request, name),
        value,
        max_age=seconds,
        path=path,
        secure=_over_tls(request),
        httponly=True,
        samesite=same_site,
    )


def forget_cookie(response: Response, request: Request, name: str, *, path: str = "/") -> None:
    """Has the browser drop what `keep_cookie` gave it for the same path."""
    secure = _over_tls(request)
    response.delete_cookie(_full(request, name), path=path, secure=secure, httponly=True)


def _full(request: Request, name: str) -> str:
    return f"__Secure-{name}" if _over_tls(request) else name


def _over_tls(request: Request) -> bool:
    return request.url.scheme == "https"
