"""The router that each kind of object declares its operations on."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from app.http.known_query import refuse_unknown_query
from app.http.openapi import operation_id, problems

PREFIX = "/api/v1"


def api_router(tag: str, path: str = "", *, stored: bool = False) -> APIRouter:
    """A router for the operations below `path`; `stored` ones need the database, so may give 503.

    It is complete: FastAPI builds a route again for each router that includes it.
    """
    return APIRouter(
        prefix=PREFIX + path,
        tags=[tag],
        dependencies=[Depends(refuse_unknown_query)],
        responses=problems(422, *([503] if stored else [])),
        generate_unique_id_function=operation_id,
    )
