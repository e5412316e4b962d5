"""The OpenAPI document: every operation tells its errors, all of them problem+json."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse

from app.http.access import is_counted, needs_key, needs_writing
from app.http.cross_site import SAFE_METHODS
from app.http.problems import MEDIA_TYPE, TITLES
from app.schemas.problems import Problem
from app.services.access import KEY_PREFIX

_SCHEMA_PATH = "#/components/schemas/"
_FRAMEWORK_SCHEMAS = ("HTTPValidationError", "ValidationError")

Responses = dict[int | str, dict[str, Any]]

_HEADERS: dict[int | str, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Asks for a bearer."}},
    429: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}},
}


def problems(*statuses: int) -> Responses:
    """`responses=` of a route that answers these statuses with a problem.

    400, 401, 403, 413, 415, 421, 422, 429 and 500 need no mention: the document gets them where
    they can happen.
    """
    content = {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMA_PATH}Problem"}}}
    return {
        status: {"description": TITLES[status], "content": content} for status in sorted(statuses)
    }


def operation_id(route: APIRoute) -> str:
    """The name of the route's function: `create_plan` reads well in a generated client."""
    return route.name


# Where access is by key: what a client has to send, and what it is answered otherwise.
_KEY = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": f"{KEY_PREFIX}…",
    "description": "A key that `shardplan keys create` has made. One of scope `read` sees all of "
    "its workspace and computes; saving, changing, sharing and deleting takes scope `write`.",
}


def install_openapi(
    app: FastAPI,
    examples: Callable[[], Mapping[str, object]],
    *,
    one_host: bool = True,
    by_key: bool = False,
) -> None:
    """Serves a document of our own at `/openapi.json`: the framework's 422 is not what we answer.

    `examples` gives answers by operation id; they are made when the document is first asked for,
    which takes seconds: in a thread, so that other requests go on.
    `one_host` tells whether requests for other host names are refused, `by_key` whether access is
    by key.
    """
    making = threading.Lock()

    def document() -> dict[str, Any]:
        with making:
            if app.openapi_schema is None:
                everywhere = {500, 421} if one_host else {500}
                app.openapi_schema = _document(app, examples(), everywhere)
                if by_key:
                    _add_keys(app.openapi_schema)
            return app.openapi_schema

    def serve_document() -> JSONResponse:
        return JSONResponse(document())

    app.openapi = document  # type: ignore[method-assign]
    app.add_api_route("/openapi.json", serve_document, include_in_schema=False)


def _document(
    app: FastAPI, examples: Mapping[str, object], everywhere: Collection[int]
) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FRAMEWORK_SCHEMAS:
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template=_SCHEMA_PATH + "{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    for operations in document["paths"].values():
        for method, operation in operations.items():
            _require_if_match(operation)
            changes = method.upper() not in SAFE_METHODS  # refused where it comes from elsewhere
            _add_problems(operation, {*everywhere, 403} if changes else everywhere)
            _add_example(operation, examples)
            _add_request_examples(operation, schemas)
    return document


def _require_if_match(operation: dict[str, Any]) -> None:
    """Without the header the answer is 428, not the framework's 422: it is optional to FastAPI."""
    for parameter in operation.get("parameters", []):
        if parameter["name"] == "if-match":
            parameter.update(required=True, schema={"type": "string", "title": "If-Match"})


def _add_problems(operation: dict[str, Any], everywhere: Collection[int]) -> None:
    statuses = set(everywhere)
    if "requestBody" in operation:
        statuses |= {400, 413, 415, 422}
    if operation.get("parameters"):
        statuses.add(422)
    responses = operation["responses"]
    if MEDIA_TYPE not in responses.get("422", {}).get("content", {}):
        responses.pop("422", None)  # the framework's
    for status, response in problems(*statuses).items():
        responses.setdefault(str(status), response)


def _add_keys(document: dict[str, Any]) -> None:
    """Says of every operation whether it takes a key, and how it answers without."""
    document["components"]["securitySchemes"] = {"key": _KEY}
    document["security"] = [{"key": []}]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            found = problems(429) if is_counted(path) else {}
            if needs_key(path):
                found |= problems(401)
            else:
                operation["security"] = []
            if needs_writing(method.upper(), path):
                found |= problems(403)
            for status, response in found.items():
                headers = {"headers": _HEADERS[status]} if status in _HEADERS else {}
                operation["responses"].setdefault(str(status), response | headers)


def _add_example(operation: dict[str, Any], examples: Mapping[str, object]) -> None:
    example = examples.get(operation["operationId"])
    for status, response in operation["responses"].items():
        if example is not None and status.startswith("2"):
            for content in response["content"].values():
                content.setdefault("example", example)


def _add_request_examples(operation: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    """Shows the examples of a body's schema with the operation too, where tools look for them."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        name = content["schema"].get("$ref", "").removeprefix(_SCHEMA_PATH)
        known = schemas.get(name, {}).get("examples", [])
        if known and "examples" not in content:
            content["examples"] = {
                f"example_{number}": {"summary": example.get("name", name), "value": example}
                for number, example in enumerate(known, 1)
            }
