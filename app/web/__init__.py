"""The pages: one router per page, gathered here."""

from __future__ import annotations

from fastapi import APIRouter

from app.web import (
    accuracy,
    catalogue,
    claims,
    compare,
    downloads,
    exports,
    explore,
    formulas,
    frameworks,
    guides,
    importing,
    planner,
    plans,
    shares,
    sign_in,
    systems,
    theme,
    vendor,
)

router = APIRouter()
for page in (
    planner,
    explore,
    downloads,
    exports,
    compare,
    systems,
    importing,  # before the pages of models, whose ids may be any path
    catalogue,
    frameworks,
    claims,
    formulas,
    guides,
    accuracy,
    plans,
    shares,
    sign_in,
    theme,
    vendor,
):
    router.include_router(page.router)
