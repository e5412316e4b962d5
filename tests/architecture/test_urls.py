"""The addresses of the product: a new, a lost and a renamed one are each seen here first."""

from __future__ import annotations

from fastapi.routing import iter_route_contexts

from app.main import create_app
from app.settings import Settings

SERVER = """
GET /favicon.ico
GET /healthz
GET /metrics
GET /openapi.json
GET /readyz
GET /api/v1/shares
GET /api/v1/shares/{rest:path}
GET /vendor/plotly.min.js
"""

PAGES = """
GET /
GET /accuracy
GET /accuracy/comparisons
POST /accuracy/comparisons
GET /accuracy/runs.csv
GET /accuracy/runs/{run_id}
GET /bulk
POST /bulk
GET /bulk/example.csv
GET /claims
GET /compare
GET /compare/add
GET /compare/export.csv
POST /compare/clear
GET /configuration/{filename}
GET /explore/batch
GET /explore/call
GET /explore/settings
GET /export.{kind}
GET /formulas
GET /frameworks
GET /gpus
GET /gpus/{gpu_id}
POST /hardware-profiles
GET /hardware-profiles/new
GET /hardware-profiles/{profile_id}
POST /hardware-profiles/{profile_id}
GET /hardware-profiles/{profile_id}/delete
POST /hardware-profiles/{profile_id}/delete
POST /hardware-profiles/{profile_id}/duplicate
POST /model-profiles
GET /model-profiles/new
GET /model-profiles/{profile_id}
POST /model-profiles/{profile_id}
GET /model-profiles/{profile_id}/delete
POST /model-profiles/{profile_id}/delete
POST /model-profiles/{profile_id}/duplicate
GET /guides
GET /guides/{name}
GET /models
GET /models/import
POST /models/import
GET /models/options
GET /models/{owner}/{name}
GET /plans
POST /plans
POST /plans/from-link
GET /plans/{plan_id}
GET /plans/{plan_id}/export.{kind}
GET /plans/{plan_id}/configuration/{filename}
POST /plans/{plan_id}/copy
POST /plans/{plan_id}/delete
GET /plans/{plan_id}/recalculation
POST /plans/{plan_id}/recalculation
POST /plans/{plan_id}/shares
POST /plans/{plan_id}/shares/{share_id}/revoke
GET /plans/{plan_id}/versions/{version}
GET /plans/{plan_id}/versions/{version}/configuration/{filename}
GET /s
GET /s/{rest:path}
GET /profiles
GET /profiles/export.json
POST /profiles/import
GET /s/{token}
GET /s/{token}/configuration/{filename}
GET /s/{token}/recalculation
GET /s/{token}/export.{kind}
GET /sign-in
POST /sign-in
POST /sign-out
GET /systems
GET /systems.csv
POST /theme
"""

API = """
GET /api/v1/accuracy
POST /api/v1/accuracy/comparisons
GET /api/v1/accuracy/runs/{run_id}
GET /api/v1/claims
POST /api/v1/configurations
POST /api/v1/estimate-batches
POST /api/v1/estimates
GET /api/v1/formulas
GET /api/v1/frameworks
GET /api/v1/gpus
GET /api/v1/gpus/{gpu_id}
GET /api/v1/hardware-profiles
POST /api/v1/hardware-profiles
DELETE /api/v1/hardware-profiles/{profile_id}
GET /api/v1/hardware-profiles/{profile_id}
PUT /api/v1/hardware-profiles/{profile_id}
POST /api/v1/hardware-profiles/{profile_id}/copies
GET /api/v1/hardware-profiles/{profile_id}/plans
GET /api/v1/model-profiles
POST /api/v1/model-profiles
DELETE /api/v1/model-profiles/{profile_id}
GET /api/v1/model-profiles/{profile_id}
PUT /api/v1/model-profiles/{profile_id}
POST /api/v1/model-profiles/{profile_id}/copies
GET /api/v1/model-profiles/{profile_id}/plans
GET /api/v1/models
GET /api/v1/models/{model_id:path}
GET /api/v1/plans
POST /api/v1/plans
DELETE /api/v1/plans/{plan_id}
GET /api/v1/plans/{plan_id}
PUT /api/v1/plans/{plan_id}
POST /api/v1/plans/{plan_id}/copies
GET /api/v1/plans/{plan_id}/recalculation
POST /api/v1/plans/{plan_id}/recalculations
GET /api/v1/plans/{plan_id}/shares
POST /api/v1/plans/{plan_id}/shares
DELETE /api/v1/plans/{plan_id}/shares/{share_id}
GET /api/v1/plans/{plan_id}/versions
GET /api/v1/plans/{plan_id}/versions/{version}
GET /api/v1/profiles
POST /api/v1/profiles/imports
POST /api/v1/recommendations
GET /api/v1/shares/{token}
GET /api/v1/strategies
POST /api/v1/system-searches
GET /api/v1/systems
GET /api/v1/systems/{system_id}
"""


def served() -> set[str]:
    """`METHOD /path` of everything but the mounted static files."""
    app = create_app(Settings())
    return {
        f"{method} {route.path}"
        for route in iter_route_contexts(app.routes)
        for method in route.methods or ()
        if method != "HEAD"
    }


def test_the_product_serves_exactly_these_addresses() -> None:
    listed = (SERVER + PAGES + API).split("\n")
    assert served() == {line for line in listed if line}


def test_the_published_document_describes_the_api_and_not_the_pages() -> None:
    document = create_app(Settings()).openapi()["paths"]
    described = {f"{method.upper()} {path}" for path, ways in document.items() for method in ways}
    plain = {line.replace(":path}", "}") for line in API.split("\n") if line}
    assert described == plain | {"GET /healthz", "GET /readyz"}
