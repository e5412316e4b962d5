"""Patches in the shape of a request: objects merge, lists and scalars replace."""

from __future__ import annotations

from typing import Any

from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Preferences

Patch = dict[str, Any]


def merge(target: Patch, patch: Patch) -> Patch:
    """`target` with `patch` applied; neither is changed."""
    merged = dict(target)
    for key, value in patch.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def apply(
    request: EstimateRequest, preferences: Preferences, patch: Patch
) -> tuple[EstimateRequest, Preferences]:
    """The request and the preferences with a patch merged in, validated again."""
    body = {
        **request.model_dump(exclude_unset=True),
        "preferences": preferences.model_dump(),
    }
    patched = merge(body, patch)
    chosen = Preferences.model_validate(patched.pop("preferences"))
    return EstimateRequest.model_validate(patched), chosen
