"""Answers for the OpenAPI document, computed by the product itself: they cannot be out of date."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import to_jsonable_python

from app.schemas.batches import BATCH_LINE
from app.schemas.configurations import CONFIGURATION_REQUESTS, ConfigurationRequest
from app.schemas.examples import MEASURED_RUNS
from app.schemas.plans import NewPlan, PlanSummary, Share
from app.schemas.profile_transfer import EXAMPLE as PROFILES
from app.schemas.profile_transfer import ImportedProfile, ImportReport, ProfilesDocument
from app.schemas.profiles import NewHardwareProfile, NewModelProfile
from app.schemas.recommendations import RECOMMENDATION_REQUESTS, RecommendationRequest
from app.schemas.system_searches import SYSTEM_SEARCH_REQUESTS, SystemSearchRequest
from app.services.batches import planned_line
from app.services.container import Services
from app.services.formula_reference import formula_reference
from app.services.listings import framework_list, strategy_list
from app.services.shares import SharedPlan

_NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_ENDS = _NOW + timedelta(days=90)
_PLAN = NewPlan.model_validate(
    {
        "name": "Llama 70B on four RTX PRO 6000",
        "request": {
            "model": {"id": "meta-llama/Llama-3.1-70B"},
            "hardware": {"gpu": "rtxpro6000-ws", "gpus_per_node": 4, "host_memory_gib": 1536},
            "strategies": ["zero3_offload"],
        },
        "preferences": {"offload": "cpu"},
    }
)
_IMPORTED = ImportReport(
    preview=True,
    on_conflict="keep",
    created=1,
    replaced=0,
    unchanged=0,
    kept=1,
    items=[
        ImportedProfile("model_profile", 0, "Our 70B", "new", "created", None, []),
        ImportedProfile(
            "hardware_profile", 0, "Quad RTX PRO workstation", "conflicting", "kept",
            "hw_90b3e7d1f5a2c846", ["price_usd", "notes"],
        ),
    ],
)  # fmt: skip
_TOKEN = "Zr8mQ1x0bV5cT7uK3nYpWd2eHs9aLfGj"  # noqa: S105 - opens nothing


def response_examples(services: Services) -> dict[str, Any]:
    """An answer for each operation that has one, by operation id."""
    return (
        _catalogue_examples(services)
        | _profile_examples(services)
        | _plan_examples(services)
        | {
            "create_system_search": _system_search(services),
            "get_health": {"status": "ok"},
            "get_readiness": {
                "status": "ready",
                "database": "sqlite",
                "database_version": "3.51.3",
                "schema_revision": "0001",
                "catalog_version": services.catalog.version,
            },
        }
    )


def _catalogue_examples(services: Services) -> dict[str, Any]:
    version, accuracy = services.catalog.version, services.accuracy
    model = to_jsonable_python(services.catalog_documents.model("meta-llama/Llama-3.1-70B"))
    gpu = to_jsonable_python(services.catalog_documents.gpu("rtxpro6000-ws"))
    system = to_jsonable_python(services.catalog_documents.systems.items[0])
    listed_model = {name: value for name, value in model.items() if name != "config"}
    return {
        "list_models": {"catalog_version": version, "items": [listed_model]},
        "get_model": model,
        "list_gpus": {"catalog_version": version, "items": [gpu]},
        "get_gpu": gpu,
        "list_systems": {"catalog_version": version, "items": [system]},
        "get_system": system,
        "list_strategies": {"items": to_jsonable_python(strategy_list().items[:1])},
        "list_frameworks": _shortened(framework_list()),
        "list_formulas": _shortened(formula_reference(services.catalog)),
        "list_claims": _shortened(services.claims.document),
        "get_accuracy": _shortened(accuracy.whole),
        "get_measured_run": _shortened(accuracy.run(accuracy.whole.runs[0].id)),
        "compare_runs": _shortened(
            services.runs.compare_documents(MEASURED_RUNS["one_run"]["value"]["runs"])
        ),
    }


def _profile_examples(services: Services) -> dict[str, Any]:
    new_model = NewModelProfile(name="Our 70B", base="meta-llama/Llama-3.1-70B")
    new_machine = NewHardwareProfile(name="Quad workstation", gpu="rtxpro6000-ws", gpus_per_node=4)
    models, machines = services.model_profiles, services.hardware_profiles
    exported = ProfilesDocument.model_validate(
        PROFILES | {"exported_at": _NOW, "catalog_version": services.catalog.version}
    )
    examples: dict[str, Any] = {
        "export_profiles": exported.model_dump(mode="json", exclude_none=True),
        "import_profiles": to_jsonable_python(_IMPORTED),
    }
    for kind, text in (
        ("model", models.text(models.checked(new_model, "mp_4c1f09a8d27be635", _NOW))),
        ("hardware", machines.text(machines.checked(new_machine, "hw_90b3e7d1f5a2c846", _NOW))),
    ):
        profile = json.loads(text)
        examples[f"list_{kind}_profiles"] = _page(profile)
        for verb in ("create", "get", "replace", "copy"):
            examples[f"{verb}_{kind}_profile"] = profile
    return examples


def _batch_line(services: Services) -> Any:
    request, preferences = _PLAN.request, _PLAN.preferences
    line = planned_line(1, _PLAN.name, request, preferences, services.planner, services.resolver)
    return BATCH_LINE.dump_python(line, mode="json", exclude_none=True)


def _plan_examples(services: Services) -> dict[str, Any]:
    plan = services.plans.computed(_PLAN, "pl_6f1c2a9be0d34c57", _NOW)
    document = json.loads(plan.document())
    listed = {name: document[name] for name in PlanSummary.__slots__}
    share = to_jsonable_python(Share("sh_5d3a91c07be2f648", 1, _NOW, _ENDS, None, None))
    return {
        "create_estimate": document["result"]["estimate"],
        "create_estimate_batch": _batch_line(services),
        "create_recommendation": _recommendation(services),
        "create_configuration": _configuration(services),
        "list_plans": _page(listed),
        "list_plans_of_model_profile": _page(listed),
        "list_plans_of_hardware_profile": _page(listed),
        "create_plan": document,
        "get_plan": document,
        "replace_plan": document,
        "list_plan_versions": _page({name: document[name] for name in PlanSummary.__slots__}),
        "get_plan_version": document,
        "copy_plan": document,
        "recalculate_plan": document,
        "get_recalculation": to_jsonable_python(services.plans.compared_with_today(plan)),
        "list_shares": {"items": [share]},
        "create_share": {
            "id": share["id"],
            "token": _TOKEN,
            "url": f"https://shardplan.example/s/{_TOKEN}",
            "expires_at": share["expires_at"],
        },
        "open_share": json.loads(SharedPlan(plan, _ENDS).document()),
    }


def _shortened(document: Any) -> Any:
    """A document with the first entry of each of its lists."""
    plain = to_jsonable_python(document)
    if isinstance(plain, list):
        return [_shortened(entry) for entry in plain[:1]]
    if isinstance(plain, dict):
        return {name: _shortened(value) for name, value in plain.items()}
    return plain


def _configuration(services: Services) -> Any:
    example = CONFIGURATION_REQUESTS["deepspeed"]["value"]
    body = ConfigurationRequest.model_validate(example)
    trainer = body.preferences.trainer
    answer = services.configurer.configure(body.estimate_request, body.strategy, trainer)
    return to_jsonable_python(answer)


def _recommendation(services: Services) -> Any:
    """Shortened: the first of each list says what the others look like."""
    request = RECOMMENDATION_REQUESTS["what_would_fit"]["value"]
    answer = services.recommender.recommend(RecommendationRequest.model_validate(request))
    document = to_jsonable_python(answer)
    shortened = ("reasons", "alternatives", "changes_to_fit")
    return {name: part[:2] if name in shortened else part for name, part in document.items()}


def _system_search(services: Services) -> Any:
    """Of the catalogue alone, and no more than two systems long."""
    request = {**SYSTEM_SEARCH_REQUESTS["full_fine_tune"]["value"], "limit": 2}
    return to_jsonable_python(services.systems.find(SystemSearchRequest(**request), ()))


def _page(item: Any) -> dict[str, Any]:
    return {"items": [item], "next_cursor": None}
