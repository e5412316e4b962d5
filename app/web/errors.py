"""The page for an address that cannot be answered."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.http.private import is_share_path
from app.http.request_id import current_request_id
from app.web.rendering import render

_WORDS = {
    401: "A key is needed here",
    403: "This cannot be done from here",
    404: "There is nothing here",
    405: "This page cannot do that",
    412: "This has changed meanwhile",
    413: "That is too large",
    421: "This is not our address",
    422: "Something needs a correction",
    429: "Too many requests",
    500: "Something went wrong",
    503: "The database does not answer",
}


def render_error(request: Request, status: int, title: str, detail: str) -> Response:
    """An HTML page that says what happened in one sentence; `title` is the status's own name."""
    context = {
        "status": status,
        "headline": _WORDS.get(status, title),
        "detail": detail,
        "reference": current_request_id() if status >= 500 else "",
        # The pages of all links that do not work are the same, to the byte.
        "back": "/" if is_share_path(request.url.path) else None,
    }
    return render(request, "errors/page.html", context, status=status)
