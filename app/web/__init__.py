"""The pages: one router per page, gathered here."""

from __future__ import annotations

from fastapi import APIRouter

from app.web import (
    accuracy,
    catalogue,
    claims,
    compare,
    downloads,
    explore,
    formulas,
    frameworks,
    guides,
    planner,
    importing,
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
    compare,
    systems,
    catalogue,
    frameworks,
    importing,  # before the pages of models, whose ids may be any path
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
