"""The catalogue: models and GPUs to browse and search, and the profiles saved beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Form, Request
from markupsafe import Markup, escape
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from app.domain.errors import FieldError, InvalidInput
from app.http.dependencies import ServicesDep, VersionField
from app.schemas.json_text import NotJson, read_json
from app.schemas.profiles import NewHardwareProfile, NewModelProfile
from app.services.concurrency import IfMatch
from app.services.container import Services
from app.services.pointers import moved_pointers
from app.web.forms import read_number
from app.web.options import options_of
from app.web.rendering import is_fragment_request, render

router = APIRouter(include_in_schema=False)

SUGGESTIONS = 8
Texts = Mapping[str, str]


def marked(text: str, search: str) -> Markup:
    """A text with the words of a search marked in it."""
    words = sorted({re.escape(word) for word in search.split()}, key=len, reverse=True)
    if not words:
        return escape(text)
    parts = re.split(f"({'|'.join(words)})", text, flags=re.IGNORECASE)
    return Markup("").join(
        Markup("<mark>{}</mark>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


@router.get("/models")
def models(request: Request, services: ServicesDep, q: str = "") -> Response:
    """Models of the catalogue that a search finds, and saved models."""
    return _models_page(request, services, q)


@router.get("/models/options")
def model_options(request: Request, services: ServicesDep, q: str = "") -> Response:
    """What the planner's model field suggests."""
    entries = services.catalog.search_models(q[:200])[:SUGGESTIONS]
    context = {"entries": [(entry, marked(entry.id, q[:200])) for entry in entries], "q": q}
    return render(request, "catalogue/options.html", context)


@router.post("/models")
def save_model(
    request: Request,
    services: ServicesDep,
    name: Annotated[str, Form()] = "",
    base: Annotated[str, Form()] = "",
    config: Annotated[str, Form()] = "",
) -> Response:
    """Saves a model profile from a config.json, or from a model of the catalogue."""
    values = {"name": name, "base": base, "config": config}
    try:
        parsed = _config(config) if config.strip() else None
        body = {"name": name, "config": parsed, "base": None if parsed else base.strip() or None}
        if parsed is None and body["base"] is None:
            raise InvalidInput(FieldError("/config", "Paste a config.json or choose a model."))
        services.model_profiles.create(_checked(NewModelProfile, body))
    except InvalidInput as error:
        return _models_page(request, services, "", values, _messages(error))
    return RedirectResponse("/models#saved", status_code=303)


@router.post("/models/{profile_id}/delete")
def delete_model(services: ServicesDep, profile_id: str, version: VersionField) -> Response:
    """Deletes a saved model; plans made with it keep their results."""
    services.model_profiles.delete(profile_id, IfMatch(frozenset({version})))
    return RedirectResponse("/models#saved", status_code=303)


@router.get("/gpus")
def gpus(request: Request, services: ServicesDep, q: str = "") -> Response:
    """GPUs of the catalogue that a search finds, and saved systems."""
    return _gpus_page(request, services, q)


@router.post("/gpus")
def save_hardware(
    request: Request,
    services: ServicesDep,
    name: Annotated[str, Form()] = "",
    gpu: Annotated[str, Form()] = "",
    gpus_per_node: Annotated[str, Form()] = "1",
    nodes: Annotated[str, Form()] = "1",
    host_memory_gib: Annotated[str, Form()] = "512",
    nvme_gib: Annotated[str, Form()] = "4,000",
    price_usd: Annotated[str, Form()] = "",
    interconnect: Annotated[str, Form()] = "",
) -> Response:
    """Saves a hardware profile."""
    numbers = {
        "gpus_per_node": gpus_per_node, "nodes": nodes,
        "host_memory_gib": host_memory_gib, "nvme_gib": nvme_gib,
    }  # fmt: skip
    values = {
        **numbers, "name": name, "gpu": gpu, "price_usd": price_usd, "interconnect": interconnect,
    }  # fmt: skip
    try:
        body = {"name": name, "gpu": gpu, "interconnect": interconnect.strip() or None}
        body |= _numbers(numbers, price_usd)
        services.hardware_profiles.create(_checked(NewHardwareProfile, body))
    except InvalidInput as error:
        return _gpus_page(request, services, "", values, _messages(error))
    return RedirectResponse("/gpus#saved", status_code=303)


@router.post("/gpus/{profile_id}/delete")
def delete_hardware(services: ServicesDep, profile_id: str, version: VersionField) -> Response:
    """Deletes a saved system; plans made with it keep their results."""
    services.hardware_profiles.delete(profile_id, IfMatch(frozenset({version})))
    return RedirectResponse("/gpus#saved", status_code=303)


def _models_page(
    request: Request,
    services: Services,
    q: str,
    values: Texts | None = None,
    errors: Texts | None = None,
) -> Response:
    context = {
        "q": q,
        "entries": services.catalog.search_models(q),
        "total": len(services.catalog.models),
        "profiles": services.model_profiles.page(limit=100).items,
        "model_ids": list(services.catalog.models),
        "values": values or {},
        "errors": errors or {},
    }
    return _render(request, "catalogue/models.html", context)


def _gpus_page(
    request: Request,
    services: Services,
    q: str,
    values: Texts | None = None,
    errors: Texts | None = None,
) -> Response:
    context = {
        "q": q,
        "entries": services.catalog.search_gpus(q),
        "total": len(services.catalog.gpus),
        "profiles": services.hardware_profiles.page(limit=100).items,
        "gpu_groups": options_of(services).gpus,
        "values": values or {},
        "errors": errors or {},
    }
    return _render(request, "catalogue/gpus.html", context)


def _render(request: Request, template: str, context: Mapping[str, Any]) -> Response:
    """The page, or the results alone when the search field asks; 422 where a form was wrong."""
    status = 422 if context["errors"] else 200
    blocks = ["results"] if is_fragment_request(request) else []
    return render(request, template, context, blocks=blocks, status=status)


def _config(text: str) -> dict[str, Any]:
    """A pasted config.json as an object."""
    try:
        with moved_pointers({"": "/config"}):
            parsed = read_json(text)
    except NotJson as error:
        raise InvalidInput(FieldError("/config", f"This is not JSON: {error}.")) from None
    if not isinstance(parsed, dict):
        raise InvalidInput(FieldError("/config", "Paste the whole file, from { to }."))
    return parsed


def _numbers(texts: Texts, price: str) -> dict[str, Any]:
    """The numbers of the hardware form. Raises InvalidInput with every one that is none."""
    numbers: dict[str, Any] = {}
    errors = []
    for name, text in texts.items():
        try:
            numbers[name] = read_number(text, 1024 if name.endswith("gib") else 1000)
        except ValueError as error:
            errors.append(FieldError(f"/{name}", str(error)))
    plain = price.strip().lstrip("$").replace(",", "")
    try:
        numbers["price_usd"] = Decimal(plain) if plain else None
    except InvalidOperation:
        errors.append(FieldError("/price_usd", "Enter dollars, for example 52,000."))
    if errors:
        raise InvalidInput(*errors)
    return numbers


New = TypeVar("New", NewModelProfile, NewHardwareProfile)


def _checked(kind: type[New], body: Mapping[str, Any]) -> New:
    """The body as a new profile. Raises InvalidInput with a pointer per bad field."""
    try:
        return kind.model_validate(dict(body))
    except ValidationError as error:
        raise InvalidInput(
            *(
                FieldError(f"/{detail['loc'][0] if detail['loc'] else ''}", f"{detail['msg']}.")
                for detail in error.errors()
            )
        ) from None


def _messages(error: InvalidInput) -> dict[str, str]:
    """Messages by form field: what lies deep in a config belongs beside the config."""
    messages: dict[str, str] = {}
    for pointer, detail in error.errors:
        field = pointer.strip("/").split("/")[0]
        where = pointer.removeprefix(f"/{field}").strip("/")
        named = where.rsplit("/", 1)[-1] in detail
        told = detail if named else f"{where}: {detail}"
        messages[field] = f"{messages[field]} {told}" if field in messages else told
    return messages
