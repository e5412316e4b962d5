"""From exceptions to answers: problem+json for programs, an HTML page for people.

`describe` is the one place that says which exception is which status.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.errors import FieldError, InvalidInput
from app.http.redaction import redacted
from app.http.request_id import current_request_id
from app.http.validation import field_errors
from app.schemas.problems import BadField, Problem
from app.services.errors import (
    IdempotencyConflict,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    ServiceError,
)
from app.storage.errors import StorageUnavailable

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
PROGRAM_PATHS = ("/api/", "/healthz", "/readyz", "/metrics", "/openapi.json")

# Own table: the standard library's phrases differ between Python versions.
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    410: "Gone",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    428: "Precondition Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}

# render(request, status, title, detail) -> the HTML error page
PageRenderer = Callable[[Request, int, str, str], Response]


@dataclass(frozen=True)
class Fault:
    """One error on its way out; `detail` and `errors` are sentences that are safe to show."""

    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return TITLES.get(self.status, "Error")


_SERVICE_STATUS: dict[type[ServiceError], int] = {
    NotFound: 404,
    PreconditionFailed: 412,
    PreconditionRequired: 428,
}


def describe(request: Request, error: Exception) -> Fault:
    """What to answer to an exception. An unknown one is a 500 that only the log explains."""
    match error:
        case RequestValidationError():
            return _invalid(field_errors(error, request.scope.get("endpoint")))
        case InvalidInput():
            return _invalid(error.errors)
        case IdempotencyConflict():
            return Fault(422, str(error), (FieldError("/header/idempotency-key", str(error)),))
        case ServiceError():
            return Fault(_SERVICE_STATUS[type(error)], str(error))
        case StorageUnavailable():
            log.error("Storage is unavailable: %s", error.__cause__ or error)
            detail = "The database does not answer. Try again in a few seconds."
            return Fault(503, detail, headers={"Retry-After": "5"})
        case HTTPException(status_code=405):
            return _not_allowed(request)
        case HTTPException():
            return Fault(error.status_code, _http_detail(error), headers=error.headers or {})
        case _:
            reference = current_request_id()
            log.error("Request %s failed", reference, exc_info=error)
            return Fault(500, f"Something went wrong on our side. Quote the reference {reference}.")


def _invalid(errors: tuple[FieldError, ...]) -> Fault:
    count = "1 field needs" if len(errors) == 1 else f"{len(errors)} fields need"
    return Fault(422, f"{count} a change.", errors)


def _not_allowed(request: Request) -> Fault:
    """Names the methods of all routes at the path; the framework knows the first one's only."""
    scope = {**request.scope, "root_path": request.scope.get("app_root_path", "")}
    routes = [route for route in request.app.routes if not isinstance(route, Mount)]
    allowed = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ] or ["GET"]  # static files
    headers = {"Allow": ", ".join(allowed).replace("GET", "GET, HEAD")}
    detail = f"{request.method} is not possible here. Use {', '.join(allowed)}."
    return Fault(405, detail, headers=headers)


def _http_detail(error: HTTPException) -> str:
    """Our own sentence where the framework raised the error without one."""
    if error.status_code == 404 and error.detail == "Not Found":
        return "Nothing is at this address. Check the path."
    return str(error.detail)


def respond(request: Request, fault: Fault) -> Response:
    """The answer for whoever asked: a program by its path, else a person."""
    if request.scope["path"].startswith(PROGRAM_PATHS):
        return problem_response(request, fault)
    details = " ".join(error.detail for error in fault.errors) or fault.detail
    render: PageRenderer = request.app.state.render_error
    response = render(request, fault.status, fault.title, details)
    response.headers.update(fault.headers)
    return response


def problem_response(request: Request, fault: Fault) -> Response:
    """RFC 9457 with our two additions: `request_id` always, `errors` where fields are bad."""
    problem = Problem(
        title=fault.title,
        status=fault.status,
        detail=fault.detail,
        instance=redacted(request.scope["path"]),
        request_id=current_request_id(),
        errors=[BadField(pointer=e.pointer, detail=e.detail) for e in fault.errors] or None,
    )
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, fault.status, headers=dict(fault.headers), media_type=MEDIA_TYPE)


class ErrorMiddleware:
    """Answers what no handler inside caught, so that such answers get our headers too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except Exception as error:
            if started:
                raise
            request = Request(scope)
            await respond(request, describe(request, error))(scope, receive, send)


def install_error_handlers(app: FastAPI, render_error: PageRenderer) -> None:
    """Routes every exception through `describe`; `render_error` draws the page for people."""
    app.state.render_error = render_error

    def answer(request: Request, error: Exception) -> Response:
        return respond(request, describe(request, error))

    for kind in (
        HTTPException,
        RequestValidationError,
        InvalidInput,
        ServiceError,
        StorageUnavailable,
    ):
        app.add_exception_handler(kind, answer)
