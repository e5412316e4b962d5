"""The pages: one router per page, gathered here."""

from __future__ import annotations

from app.web import (
    accuracy,
    bulk,
    claims,
    compare,
    downloads,
    explore,
    exports,
    formulas,
    frameworks,
    gpus,
    guides,
    importing,
    models,
    plan_history,
    planner,
    plans,
    profile_pages,
    profile_transfer,
    shares,
    sign_in,
    systems,
    theme,
    vendor,
)

ROUTES = [
    route
    for page in (
        planner,
        explore,
        downloads,
        exports,
        compare,
        bulk,
        systems,
        importing,
        models,
        gpus,
        profile_pages,
        profile_transfer,
        frameworks,
        claims,
        formulas,
        guides,
        accuracy,
        plans,
        plan_history,
        shares,
        sign_in,
        theme,
        vendor,
    )
    for route in page.router.routes
]
