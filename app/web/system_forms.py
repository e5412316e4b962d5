"""The query of the page that finds systems: a planner's job, and which systems to look at.

The job's parameters are the planner's, read by the planner's own table, so that the two pages
understand each other's addresses; what a planner's address says about one machine is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from pydantic import ValidationError

from app.domain.errors import FieldError
from app.schemas.estimates import EstimateRequest, HardwareChoice
from app.schemas.planning import Preferences
from app.schemas.remedies import document_errors
from app.schemas.system_searches import SystemResult, SystemSearchRequest
from app.services.container import Services
from app.web import forms
from app.web.fields import FIELDS, Field
from app.web.forms import View, read_number
from app.web.planner import read_job

# One machine's parameters: a search has many.
OF_ONE_MACHINE = frozenset(
    {"gpu", "gpus_per_node", "nodes", "hardware_profile", "usable_memory_bytes", "strategies"}
)
OWN_FIELDS = {
    own.name: own
    for own in (
        Field("max_nodes", "Max nodes"),
        Field("max_price_usd", "Max price", unit="USD", hint="Empty: no limit"),
        Field(
            "vendor",
            "Vendor",
            "select",
            choices=(("", "Any"), ("nvidia", "NVIDIA"), ("amd", "AMD"), ("intel", "Intel")),
        ),
        Field("gpu_counts", "GPUs per node", "text"),
        Field("every", "Every count of each GPU", "checkbox"),
    )
}
ALL_FIELDS: Mapping[str, Field] = FIELDS | OWN_FIELDS
DEFAULTS = {
    "max_nodes": "4",
    "max_price_usd": "",
    "vendor": "",
    "gpu_counts": "1, 2, 4, 8",
    "every": "false",
    "limit": "20",
}
SHOWN = (20, 200)
ADVANCED = (
    "sequence_length",
    "micro_batch_size",
    "precision",
    "optimizer",
    "activation_checkpointing",
    "lora_rank",
    "lora_target_modules",
    "attention",
    "fused_loss",
    "gradient_accumulation_steps",
    "allocator",
    "training_loop",
    "host_memory_gib",
    "nvme_gib",
    "gpu_counts",
    "every",
)


@dataclass(frozen=True)
class Search:
    """A query as read: the text of every field, and either a search or what is wrong with it."""

    values: Mapping[str, str]
    job: EstimateRequest | None = None
    preferences: Preferences = field(default_factory=Preferences)
    request: SystemSearchRequest | None = None
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def advanced_changes(self) -> int:
        """How many of the folded settings differ from their defaults."""
        defaults = {**forms.DEFAULT_TEXT, **DEFAULTS}
        return sum(self.values[name] != defaults[name] for name in ADVANCED)


def read(services: Services, pairs: Iterable[tuple[str, str]]) -> Search:
    """Read a query. Bad fields end up in `errors`, nothing is raised."""
    given = dict(pairs)
    left = [pair for pair in given.items() if pair[0] not in OF_ONE_MACHINE]
    submission = read_job(services, left)
    values = {**submission.values, **DEFAULTS}
    errors = dict(submission.errors)
    document: dict[str, Any] = {}
    for name, default in DEFAULTS.items():
        text = given.get(name, default)
        try:
            document[name] = _read_value(name, text)
            values[name] = _display(document[name])
        except ValueError as error:
            errors[name] = str(error)
            values[name] = text
    job = submission.request
    if job is None or errors:
        return Search(values, job, submission.preferences, None, errors)
    document["one_per_gpu"] = not document.pop("every")
    document |= {
        "model": job.model,
        "training": job.training,
        "options": job.options,
        "offload": submission.preferences.offload,
        "host_memory_gib": job.hardware.host_memory_gib,
        "nvme_gib": job.hardware.nvme_gib,
    }
    if values["gpu_counts"] == DEFAULTS["gpu_counts"]:
        del document["gpu_counts"]
    try:
        request = SystemSearchRequest.model_validate(document)
    except ValidationError as error:
        found = document_errors(error, document, SystemSearchRequest)
        return Search(values, job, submission.preferences, None, messages(found))
    return Search(values, job, submission.preferences, request)


def messages(errors: Iterable[FieldError]) -> dict[str, str]:
    """Messages by the field that they belong beside."""
    found: dict[str, str] = {}
    for error in errors:
        own = error.pointer.strip("/").split("/")[0]
        if own in DEFAULTS:
            found.setdefault(own, error.detail)
        else:
            found |= forms.field_messages([error])
    return found


def _read_value(name: str, text: str) -> Any:
    """The value that a field's text stands for. Raises ValueError with what to type instead."""
    text = text.strip()
    match name:
        case "gpu_counts":
            counts = [part for part in text.replace(";", ",").split(",") if part.strip()]
            if not counts:
                raise ValueError("Enter counts, for example 1, 2, 4, 8.")
            return [read_number(part, 1000) for part in counts]
        case "max_price_usd":
            plain = text.lstrip("$").strip()
            return read_number(plain, 1000) if plain else None
        case "vendor":
            return text or None
        case "every":
            return text.lower() in ("true", "on", "1", "yes")
        case "limit":
            return max(SHOWN) if text == str(max(SHOWN)) else min(SHOWN)
        case _:
            return read_number(text, 1000)


def _display(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(f"{count:,}" for count in value)
        case int():
            return f"{value:,}"
        case _:
            return str(value)


def address(search: Search, **changes: str) -> str:
    """The page's address for a search, with other values of its own fields."""
    if search.job is None:
        return "/systems"
    planner = parse_qsl(forms.query(search.job, search.preferences), keep_blank_values=True)
    own = {name: search.values[name] for name in DEFAULTS} | changes
    pairs = [pair for pair in planner if pair[0] not in OF_ONE_MACHINE]
    pairs += [(n, v.replace(" ", "")) for n, v in own.items() if v != DEFAULTS[n]]
    return "/systems?" + urlencode(pairs, safe="/:,")


def planner_query(search: Search, row: SystemResult) -> str:
    """The planner's query for the search's job on a found system."""
    if search.job is None:
        return ""
    training = search.job.training.model_copy(update=row.training_patch or {})
    hardware = HardwareChoice.model_validate(row.hardware)
    job = search.job.model_copy(
        update={"hardware": hardware, "training": training, "strategies": None}
    )
    return forms.query(job, search.preferences, View(strategy=row.strategy))
