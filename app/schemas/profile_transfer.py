"""All profiles in one document: what goes out, what comes in, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticKnownError

from app.schemas.estimates import Request
from app.schemas.numbers import Flag
from app.schemas.profiles import NewHardwareProfile, NewModelProfile

MOST = 1_000

Conflicts = Literal["keep", "replace", "copy"]
State = Literal["new", "same", "conflicting"]
Action = Literal["created", "unchanged", "kept", "replaced", "copied"]


def _dated(value: object) -> object:
    """A bare number, quoted or not, would be taken for seconds since 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and "-" in value[1:]):
        return value
    raise PydanticKnownError("datetime_type")


class ProfilesDocument(Request):
    """Profiles as they would be created: the same fields as in a POST. Names tell them apart."""

    format: Literal["shardplan-profiles"]
    version: Literal[1] = Field(description="Of this format; another version is refused.")
    exported_at: Annotated[datetime, BeforeValidator(_dated)] | None = None
    catalog_version: str | None = Field(None, max_length=40)
    model_profiles: list[NewModelProfile] = Field(default_factory=list, max_length=MOST)
    hardware_profiles: list[NewHardwareProfile] = Field(default_factory=list, max_length=MOST)


EXAMPLE: dict[str, Any] = {
    "format": "shardplan-profiles",
    "version": 1,
    "model_profiles": [{"name": "Our 70B", "base": "meta-llama/Llama-3.1-70B"}],
    "hardware_profiles": [
        {
            "name": "Quad RTX PRO workstation",
            "notes": "As quoted in November",
            "gpu": "rtxpro6000-ws",
            "gpus_per_node": 4,
            "nodes": 1,
            "host_memory_gib": 512,
            "nvme_gib": 4000,
            "price_usd": 52000,
        }
    ],
}


class ProfilesImport(Request):
    """A document to take in. With `preview` nothing is saved, and the answer says what would be."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"document": EXAMPLE, "on_conflict": "keep", "preview": True}]
        }
    )

    document: ProfilesDocument
    on_conflict: Conflicts = Field(
        "keep",
        description="Where a profile of this name exists and differs: keep it, replace it, or "
        "save the new one beside it.",
    )
    preview: Flag = False


@dataclass(frozen=True, slots=True)
class ImportedProfile:
    """What became of one profile, or would.

    `id` is the profile that is there now: null in a preview of one that is not there yet.
    `differences` names the fields of a conflicting profile that differ from the saved one.
    """

    kind: Literal["model_profile", "hardware_profile"]
    index: int
    name: str
    state: State
    action: Action
    id: str | None
    differences: list[str]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of every profile of a document, in its order. All of it was saved, or nothing."""

    preview: bool
    on_conflict: Conflicts
    created: int
    replaced: int
    unchanged: int
    kept: int
    items: list[ImportedProfile]
