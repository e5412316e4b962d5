"""Query parameters that no route reads: a page number that is ignored repeats the first page."""

from __future__ import annotations

from fastapi import Request
from fastapi.routing import APIRoute

from app.domain.errors import FieldError, InvalidInput
from app.schemas.json_text import pointer_to


async def refuse_unknown_query(request: Request) -> None:
    """A dependency of routes; raises InvalidInput naming the parameters that the route has."""
    route = request.scope.get("route")
    if request.method != "GET" or not request.query_params or not isinstance(route, APIRoute):
        return
    known = sorted(parameter.alias for parameter in route.dependant.query_params)
    remedy = f"use {' or '.join(known)}" if known else "this address takes none"
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise InvalidInput(
            *(
                FieldError(
                    pointer_to(("query", name[:200])),
                    f"There is no parameter {name[:80]!r}: {remedy}.",
                )
                for name in unknown[:20]
            )
        )
