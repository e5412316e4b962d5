"""Importing a model: paste or upload a config.json, see what it is, save it and plan with it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from app.catalog.huggingface.dimensions import dimensions_in
from app.domain.errors import FieldError, InvalidInput
from app.http.dependencies import ServicesDep
from app.schemas.estimates import Dimensions
from app.schemas.profiles import ModelFacts, NewModelProfile
from app.services.container import Services
from app.web.forms import read_number
from app.web.numbers import parameters
from app.web.rendering import is_fragment_request, render
from app.web.sent import FormDep, checked, file_text, json_object

router = APIRouter(include_in_schema=False)

SAVING = ("save", "plan")
FLAGS = tuple(
    name for name, info in Dimensions.model_fields.items() if isinstance(info.default, bool)
)
NUMBERS = tuple(name for name in Dimensions.model_fields if name not in FLAGS)
REQUIRED = frozenset(name for name, info in Dimensions.model_fields.items() if info.is_required())
NOTHING_YET = "Paste a config.json, choose its file, or name the dimensions."


@dataclass
class Draft:
    """The form as it was sent, what was understood of it, and what is wrong with it."""

    config: str = ""
    name: str = ""
    repository: str = ""
    fetches: bool = False
    assume: bool = False
    towers: str = "none"
    dimensions: dict[str, str] = field(default_factory=lambda: {"gated_mlp": "true"})
    facts: ModelFacts | None = None
    errors: dict[str, str] = field(default_factory=dict)
    fills_dimensions: bool = False

    @property
    def suggested_name(self) -> str:
        """What the model may be called."""
        if self.facts is None:
            return ""
        return f"{self.facts.family}, {parameters(self.facts.parameters.total)}"


@router.get("/models/import")
def import_page(request: Request, services: ServicesDep) -> Response:
    """The empty form."""
    return _page(request, Draft(fetches=services.settings.fetch_models))


@router.post("/models/import")
def import_model(request: Request, services: ServicesDep, form: FormDep) -> Response:
    """Says what a config is; saves it where asked to, and opens the planner with it."""
    draft = Draft(
        config=_field(form, "config"),
        name=_field(form, "name"),
        repository=_field(form, "repository").strip(),
        fetches=services.settings.fetch_models,
        assume=_field(form, "assume") == "true",
        towers=_field(form, "towers") or "none",
        dimensions={name: _field(form, name) for name in (*NUMBERS, *FLAGS)},
    )
    try:
        draft.config = file_text(form, "file", "/config") or draft.config
        if _field(form, "action") == "fetch" and draft.repository:
            found = services.model_profiles.fetched(draft.repository)
            draft.config = json.dumps(found, indent=2)
            draft.name = draft.name or draft.repository
        body = _body(draft)
        draft.facts = services.model_profiles.facts(body)
        if _field(form, "action") in SAVING:
            return _saved(services, body, draft, opens=_field(form, "action") == "plan")
    except InvalidInput as error:
        draft.errors = _messages(error)
        _offer_dimensions(draft)
    return _page(request, draft)


def _field(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _saved(services: Services, body: NewModelProfile, draft: Draft, *, opens: bool) -> Response:
    named = body.model_copy(update={"name": _name(draft.name.strip() or draft.suggested_name)})
    created = services.model_profiles.create(named)
    where = f"/?model_profile={created.id}" if opens else "/models#saved"
    return RedirectResponse(where, status_code=303)


def _page(request: Request, draft: Draft) -> Response:
    context = {"draft": draft, "numbers": NUMBERS, "flags": FLAGS, "required": REQUIRED}
    fragment = is_fragment_request(request)
    context["oob"] = fragment
    # htmx leaves the page as it is for a 4xx: what is wrong stands in the fragment itself.
    status = 422 if draft.errors and not fragment else 200
    blocks = ["understood", *["dimensions"] * draft.fills_dimensions] if fragment else []
    return render(request, "importing/page.html", context, blocks=blocks, status=status)


def _body(draft: Draft) -> NewModelProfile:
    """The profile that the form describes, under a name that stands in until it has one."""
    if draft.assume:
        return _checked({"dimensions": _dimensions(draft.dimensions)})
    if not draft.config.strip():
        raise InvalidInput(FieldError("/config", NOTHING_YET))
    config = json_object(draft.config, "/config")
    return _checked({"config": config, "towers": draft.towers})


def _checked(source: Mapping[str, Any]) -> NewModelProfile:
    return checked(NewModelProfile, {"name": "Imported", **source})


def _name(text: str) -> str:
    return checked(NewModelProfile, {"name": text, "base": "-"}).name


def _dimensions(texts: Mapping[str, str]) -> dict[str, Any]:
    """The named dimensions; raises InvalidInput with every one that is no number, or missing."""
    found: dict[str, Any] = {name: texts.get(name) == "true" for name in FLAGS}
    errors = []
    for name in NUMBERS:
        text = texts.get(name, "").strip()
        if not text:
            if name in REQUIRED:
                errors.append(FieldError(f"/dimensions/{name}", "Enter a whole number."))
            continue
        try:
            found[name] = read_number(text, 1000)
        except ValueError as error:
            errors.append(FieldError(f"/dimensions/{name}", str(error)))
    if errors:
        raise InvalidInput(*errors)
    return found


def _offer_dimensions(draft: Draft) -> None:
    """Fills in what an unknown family's config says of its dimensions, where nothing stands yet."""
    if draft.assume or "config" not in draft.errors:
        return
    try:
        stated = dimensions_in(json_object(draft.config, "/config"))
    except InvalidInput:
        return
    draft.fills_dimensions = True
    for name, value in stated.items():
        if not draft.dimensions.get(name):
            draft.dimensions[name] = str(value).lower() if name in FLAGS else f"{value}"


def _messages(error: InvalidInput) -> dict[str, str]:
    """Messages by form field: dimensions have one each, a config all of its own beside it."""
    messages: dict[str, str] = {}
    for pointer, detail in error.errors:
        source, _, where = pointer.strip("/").partition("/")
        key = where if source == "dimensions" and where in Dimensions.model_fields else source
        named = not where or re.split("/", where)[-1] in detail
        told = detail if named or key == where else f"{where}: {detail}"
        messages[key] = f"{messages[key]} {told}" if key in messages else told
    return messages
