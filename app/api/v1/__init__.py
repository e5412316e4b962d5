"""The REST API, version 1: one router per kind of object."""

from __future__ import annotations

from app.api.v1 import (
    accuracy,
    claims,
    configurations,
    estimate_batches,
    estimates,
    formulas,
    frameworks,
    gpus,
    hardware_profiles,
    model_profiles,
    models,
    plans,
    profiles,
    recommendations,
    shares,
    strategies,
    system_searches,
    systems,
)

ROUTES = [
    route
    for part in (
        estimates,
        estimate_batches,
        recommendations,
        configurations,
        system_searches,
        models,
        gpus,
        systems,
        strategies,
        frameworks,
        formulas,
        claims,
        accuracy,
        model_profiles,
        hardware_profiles,
        profiles,
        plans,
        shares,
    )
    for route in part.router.routes
]
