"""`GET /api/v1/formulas`: every formula that a prediction is made of."""

from __future__ import annotations

from app.api.v1.routing import api_router
from app.http.dependencies import ServicesDep
from app.schemas.formulas import FormulaList
from app.services.formula_reference import formula_reference

router = api_router("catalogue", "/formulas")


@router.get("", summary="List the formulas")
def list_formulas(services: ServicesDep) -> FormulaList:
    """Every formula with its equation, source and evidence, and a worked example."""
    return formula_reference(services.catalog)
