"""The routes that every kind of saved profile has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from fastapi import APIRouter, Request, Response

from app.api.v1.creating import created_response
from app.api.v1.paging import CursorQuery, LimitQuery
from app.api.v1.routing import api_router
from app.http.dependencies import IdempotencyKeyDep, IfMatchDep, ServicesDep, etag
from app.http.openapi import problems
from app.schemas.pages import Page
from app.schemas.plans import PlanSummary
from app.schemas.profiles import NewProfileCopy
from app.services.container import Services
from app.services.profiles import Document, New, ProfileService

_DEFAULT_COPY = NewProfileCopy()


@dataclass(frozen=True)
class ProfileKind(Generic[New, Document]):
    """A kind of profile: its address, its name in sentences, its schemas and its service.

    `thing` is one of it ("machine"), `route` its name in operation ids ("hardware_profile").
    """

    path: str
    thing: str
    route: str
    new: type[New]
    document: type[Document]
    page: Any
    service: Callable[[Services], ProfileService[New, Document]]


def profile_router(kind: ProfileKind[New, Document]) -> APIRouter:
    """List, create, read, replace and delete profiles, and say which plans use one."""
    router = api_router("profiles", kind.path, stored=True)
    thing, of = kind.thing, kind.service

    def list_profiles(
        services: ServicesDep, cursor: CursorQuery = None, limit: LimitQuery = 50
    ) -> Page[Document]:
        return of(services).page(cursor, limit)

    def create(
        body: New, request: Request, services: ServicesDep, key: IdempotencyKeyDep
    ) -> Response:
        return created_response(request, of(services).create(body, key))

    def read(profile_id: str, response: Response, services: ServicesDep) -> Document:
        service = of(services)
        row = service.row(profile_id)
        response.headers["ETag"] = etag(row.version)
        return service.show(row)

    def replace(
        profile_id: str,
        body: New,
        response: Response,
        services: ServicesDep,
        if_match: IfMatchDep,
    ) -> Document:
        service = of(services)
        service.replace(profile_id, body, if_match)
        row = service.row(profile_id)
        response.headers["ETag"] = etag(row.version)
        return service.show(row)

    def delete(profile_id: str, services: ServicesDep, if_match: IfMatchDep) -> None:
        of(services).delete(profile_id, if_match)

    def copy(
        profile_id: str,
        request: Request,
        services: ServicesDep,
        key: IdempotencyKeyDep,
        body: NewProfileCopy = _DEFAULT_COPY,
    ) -> Response:
        created = of(services).copy(profile_id, body, key)
        return created_response(request, created, f"/api/v1{kind.path}")

    def using(profile_id: str, services: ServicesDep) -> Page[PlanSummary]:
        row = of(services).row(profile_id)
        return Page(services.plans.using(row.id), None)

    # The routes' own annotations: a schema per kind where the functions are generic.
    for route in (create, replace):
        route.__annotations__["body"] = kind.new

    router.add_api_route(
        "",
        list_profiles,
        name=f"list_{kind.route}s",
        summary=f"List the saved {thing}s, newest first",
        description=f"A page of saved {thing}s.",
        response_model=kind.page,
    )
    router.add_api_route(
        "",
        create,
        methods=["POST"],
        status_code=201,
        name=f"create_{kind.route}",
        summary=f"Save a {thing}",
        description="Saves it if a job could use it; estimates name it by its id.",
        response_model=kind.document,
    )
    one = "/{profile_id}"
    router.add_api_route(
        one,
        read,
        name=f"get_{kind.route}",
        summary=f"Read a saved {thing}",
        description=f"One saved {thing} with its ETag.",
        response_model=kind.document,
        responses=problems(404),
    )
    router.add_api_route(
        one,
        replace,
        methods=["PUT"],
        name=f"replace_{kind.route}",
        summary=f"Replace a saved {thing}",
        description="Replaces it if nobody else did since the ETag in If-Match; saved plans stay "
        "as they are.",
        response_model=kind.document,
        responses=problems(404, 412, 428),
    )
    router.add_api_route(
        one,
        delete,
        methods=["DELETE"],
        status_code=204,
        name=f"delete_{kind.route}",
        summary=f"Delete a saved {thing}",
        description="Deletes it if nobody else changed it since the ETag in If-Match; saved plans "
        "stay.",
        responses=problems(404, 412, 428),
    )
    router.add_api_route(
        f"{one}/copies",
        copy,
        methods=["POST"],
        status_code=201,
        name=f"copy_{kind.route}",
        summary=f"Copy a saved {thing}",
        description=f"Saves the {thing} once more, under another name.",
        response_model=kind.document,
        responses=problems(404),
    )
    router.add_api_route(
        f"{one}/plans",
        using,
        name=f"list_plans_of_{kind.route}",
        summary=f"List the plans that use a saved {thing}",
        description="The newest hundred plans whose request names it. They keep what it was when "
        "they were computed, also after it is deleted.",
        response_model=Page[PlanSummary],
        responses=problems(404),
    )
    return router
