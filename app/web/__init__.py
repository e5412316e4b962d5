"""The pages: one router per page, gathered here."""

from __future__ import annotations

from fastapi import APIRouter

from app.web import (
    accuracy,
    catalogue,
    claims,
    downloads,
    formulas,
    frameworks,
    planner,
    plans,
    shares,
    systems,
    theme,
    vendor,
)

router = APIRouter()
for page in (
    planner,
    downloads,
    systems,
    catalogue,
    frameworks,
    claims,
    formulas,
    accuracy,
    plans,
    shares,
    theme,
    vendor,
):
    router.include_router(page.router)
