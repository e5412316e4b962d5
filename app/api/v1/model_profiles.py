"""`/api/v1/model-profiles`: models of one's own."""

from __future__ import annotations

from app.api.v1.profile_routes import ProfileKind, profile_router
from app.schemas.pages import Page
from app.schemas.profiles import ModelProfile, NewModelProfile

router = profile_router(
    ProfileKind(
        "/model-profiles",
        "model",
        "model_profile",
        NewModelProfile,
        ModelProfile,
        Page[ModelProfile],
        lambda services: services.model_profiles,
    )
)
