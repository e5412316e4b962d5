"""The catalogue's models: a page to browse, a page for each, and the planner's suggestions."""

from __future__ import annotations

import json
import re

from fastapi import APIRouter, Request
from markupsafe import Markup, escape
from starlette.responses import Response

from app.catalog import ModelEntry
from app.domain.precision import BF16
from app.domain.strategies import STRATEGIES
from app.http.dependencies import ServicesDep
from app.schemas.catalog import PartDocument
from app.services.container import Services
from app.services.model_parts import kind_of, places_words
from app.services.nearest import nearest_models
from app.web.browsing import MAX_SEARCH, Browser, Column, Filter
from app.web.rendering import is_fragment_request, render

router = APIRouter(include_in_schema=False)

SUGGESTIONS = 8
SAVED_SUGGESTIONS = 4
MOST_RUNS = 12
KINDS = {"dense": "Dense", "mixture": "Mixture of experts", "hybrid": "Hybrid"}
_BILLION = 10**9
# From and to in billions of parameters.
_SIZES = {"0-2": "Under 2 B", "2-10": "2–10 B", "10-40": "10–40 B", "40-100": "40–100 B",
          "100-": "100 B and more"}  # fmt: skip


def _in_size(entry: ModelEntry, value: str) -> bool:
    low, _, high = value.partition("-")
    count = entry.verified_parameters
    return count >= int(low) * _BILLION and (not high or count < int(high) * _BILLION)


def browser_of(services: Services) -> Browser[ModelEntry]:
    """The page's columns and filters; the families are those of the catalogue."""
    families = sorted({entry.family for entry in services.catalog.models.values()}, key=str.lower)
    return Browser(
        "/models",
        (
            Column("name", "Model", lambda entry: entry.id.rpartition("/")[2].lower()),
            Column("parameters", "Parameters", lambda e: e.verified_parameters, number=True),
            Column("active", "Active", lambda e: e.verified_active_parameters, number=True),
            Column(
                "weights", "Weights in bf16, GiB", lambda e: e.verified_parameters, number=True
            ),
            Column("layers", "Layers", lambda entry: len(entry.spec.layers), number=True),
            Column("context", "Longest sequence", lambda e: e.spec.max_position, number=True),
            Column("licence", "Licence", lambda entry: entry.license.lower()),
            Column("plan", "Use", hidden=True),
        ),
        (
            Filter(
                "family", "Family", [(family, family) for family in families],
                lambda entry, value: entry.family == value,
            ),
            Filter("size", "Size", tuple(_SIZES.items()), _in_size),
            Filter(
                "kind", "Kind", tuple(KINDS.items()),
                lambda entry, value: kind_of(entry.spec) == value,
            ),
        ),
    )  # fmt: skip


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
def models(request: Request, services: ServicesDep) -> Response:
    """The models that a search and filters find, and saved models."""
    browser = browser_of(services)
    context = {
        "browser": browser,
        "shown": browser.show(services.catalog.search_models, request.query_params),
        "total": len(services.catalog.models),
        "profiles": services.model_profiles.page(limit=100).items,
        "kinds": KINDS,
        "kind_of": kind_of,
        "bf16": BF16,
    }
    blocks = ["results"] if is_fragment_request(request) else []
    return render(request, "catalogue/models.html", context, blocks=blocks)


@router.get("/models/options")
def model_options(request: Request, services: ServicesDep, q: str = "") -> Response:
    """What the planner's model field suggests: saved models first, then the catalogue's."""
    words = q[:MAX_SEARCH]
    entries = services.catalog.search_models(words)[:SUGGESTIONS]
    saved = [profile for profile in services.profiles.list_models() if _has(profile.name, words)]
    context = {
        "entries": [(entry, marked(entry.id, words)) for entry in entries],
        "saved": [(profile, marked(profile.name, words)) for profile in saved[:SAVED_SUGGESTIONS]],
        "q": q,
    }
    return render(request, "catalogue/options.html", context)


def _has(name: str, words: str) -> bool:
    return all(word in name.casefold() for word in words.casefold().split())


@router.get("/models/{owner}/{name}")
def model(request: Request, services: ServicesDep, owner: str, name: str) -> Response:
    """One model: its parameters by part and layer, what training keeps of them, its sources."""
    model_id = f"{owner}/{name}"
    document = services.catalog_documents.model(model_id)
    entry = services.catalog.models[model_id]
    runs = services.accuracy.runs_of(model_id)
    context = {
        "entry": entry,
        "spec": entry.spec,
        "document": document,
        "kind": KINDS[document.kind],
        "parts": _shares(document.parts),
        "places": places_words,
        "config_json": json.dumps(document.config, indent=2),
        "transformers": services.catalog.transformers,
        "saved": [p for p in services.model_profiles.page(limit=100).items if p.base == model_id],
        "nearest": nearest_models(services.catalog, entry),
        "kinds": KINDS,
        "kind_of": kind_of,
        "runs": sorted(runs, key=lambda run: abs(run.peak.error))[-MOST_RUNS:][::-1],
        "run_count": len(runs),
        "titles": {strategy.id: strategy.title for strategy in STRATEGIES.values()},
    }
    return render(request, "catalogue/model.html", context)


def _shares(parts: list[PartDocument]) -> list[tuple[PartDocument, float, float]]:
    """Each part with where its share of the total starts, and the share itself, in per cent."""
    total = sum(part.parameters for part in parts)
    shares = []
    start = 0.0
    for part in parts:
        share = 100 * part.parameters / total
        shares.append((part, start, share))
        start += share
    return shares
