"""`/api/v1/hardware-profiles`: machines of one's own."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.v1.creating import created_response
from app.api.v1.paging import CursorQuery, LimitQuery
from app.http.dependencies import IdempotencyKeyDep, IfMatchDep, ServicesDep, etag
from app.http.openapi import problems
from app.schemas.pages import Page
from app.schemas.profiles import HardwareProfile, NewHardwareProfile

router = APIRouter(prefix="/hardware-profiles", tags=["profiles"], responses=problems(503))


@router.get("", summary="List the saved machines, newest first")
def list_hardware_profiles(
    services: ServicesDep, cursor: CursorQuery = None, limit: LimitQuery = 50
) -> Page[HardwareProfile]:
    """A page of hardware profiles."""
    return services.hardware_profiles.page(cursor, limit)


@router.post("", status_code=201, summary="Save a machine", response_model=HardwareProfile)
def create_hardware_profile(
    body: NewHardwareProfile, request: Request, services: ServicesDep, key: IdempotencyKeyDep
) -> Response:
    """Saves it if a job could use it; estimates name it by its id."""
    return created_response(request, services.hardware_profiles.create(body, key))


@router.get("/{profile_id}", summary="Read a saved machine", responses=problems(404))
def get_hardware_profile(
    profile_id: str, response: Response, services: ServicesDep
) -> HardwareProfile:
    """One hardware profile with its ETag."""
    profile = services.hardware_profiles.get(profile_id)
    response.headers["ETag"] = etag(profile.version)
    return profile


@router.put("/{profile_id}", summary="Replace a saved machine", responses=problems(404, 412, 428))
def replace_hardware_profile(
    profile_id: str,
    body: NewHardwareProfile,
    response: Response,
    services: ServicesDep,
    if_match: IfMatchDep,
) -> HardwareProfile:
    """Replaces it if nobody else did since the ETag in If-Match; saved plans stay as they are."""
    profile = services.hardware_profiles.replace(profile_id, body, if_match)
    response.headers["ETag"] = etag(profile.version)
    return profile


@router.delete(
    "/{profile_id}",
    status_code=204,
    summary="Delete a saved machine",
    responses=problems(404, 412, 428),
)
def delete_hardware_profile(profile_id: str, services: ServicesDep, if_match: IfMatchDep) -> None:
    """Deletes it if nobody else changed it since the ETag in If-Match; saved plans stay."""
    services.hardware_profiles.delete(profile_id, if_match)
