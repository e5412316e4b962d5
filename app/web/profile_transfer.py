"""All saved profiles on one page: listed, exported, and imported with a look before."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.domain.errors import InvalidInput
from app.http.dependencies import ServicesDep
from app.schemas.profile_transfer import ImportReport, ProfilesImport
from app.services.container import Services
from app.web.rendering import render
from app.web.sent import FormDep, checked, file_text, json_object, texts_of

router = APIRouter(prefix="/profiles", include_in_schema=False)

CONFLICTS = (
    ("keep", "Keep mine"),
    ("replace", "Replace mine"),
    ("copy", "Keep both"),
)
STATES = {"new": "New", "same": "The same", "conflicting": "Differs"}
DONE = {
    "created": "Saved",
    "unchanged": "Left as it is",
    "kept": "Kept what was saved",
    "replaced": "Replaced",
    "copied": "Saved beside the other one",
}
WOULD = {
    "created": "Will be saved",
    "unchanged": "Nothing to do",
    "kept": "Keeps what is saved",
    "replaced": "Will replace it",
    "copied": "Will be saved beside it",
}
FILE_NAME = "shardplan-profiles.json"


@router.get("")
def profiles(request: Request, services: ServicesDep, saved: str = "") -> Response:
    """Every saved model and system."""
    return _page(request, services, deleted=saved == "deleted")


@router.get("/export.json")
def export(services: ServicesDep) -> Response:
    """Every profile as a file."""
    text = json.dumps(services.profile_transfer.export(), indent=1, ensure_ascii=False)
    headers = {"Content-Disposition": f'attachment; filename="{FILE_NAME}"'}
    return Response(text, media_type="application/json", headers=headers)


@router.post("/import")
def import_profiles(request: Request, services: ServicesDep, form: FormDep) -> Response:
    """Says what an import would do to each profile; with `save` it does so."""
    texts = texts_of(form)
    text = texts.get("document", "")
    try:
        text = file_text(form, "file", "/document") or text
        body = {
            "document": json_object(text, "/document"),
            "on_conflict": texts.get("on_conflict", "keep"),
            "preview": "save" not in texts,
        }
        report = services.profile_transfer.take_in(checked(ProfilesImport, body))
    except InvalidInput as error:
        told = [_told(*each) for each in error.errors]
        return _page(request, services, document=text, errors=told, status=422)
    return _page(request, services, document=text, report=report)


def _told(pointer: str, detail: str) -> str:
    """An error with the profile that it is in, counted from 1 as people do."""
    parts = pointer.strip("/").split("/")
    if len(parts) < 3 or not parts[2].isdigit():
        where = "/".join(parts[1:])
        return f"{where}: {detail}" if where else detail
    kind = "Model" if parts[1] == "model_profiles" else "System"
    field = "/".join(parts[3:])
    return f"{kind} {int(parts[2]) + 1}{f', {field}' if field else ''}: {detail}"


def _page(
    request: Request,
    services: Services,
    *,
    document: str = "",
    report: ImportReport | None = None,
    errors: list[str] | None = None,
    deleted: bool = False,
    status: int = 200,
) -> Response:
    context: dict[str, Any] = {
        "models": services.model_profiles.page(limit=100),
        "systems": services.hardware_profiles.page(limit=100),
        "document": document,
        "report": report,
        "errors": errors or [],
        "deleted": deleted,
        "conflicts": CONFLICTS,
        "states": STATES,
        "actions": WOULD if report is not None and report.preview else DONE,
    }
    return render(request, "profiles/list.html", context, status=status)
