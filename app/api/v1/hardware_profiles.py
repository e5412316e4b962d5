"""`/api/v1/hardware-profiles`: machines of one's own."""

from __future__ import annotations

from app.api.v1.profile_routes import ProfileKind, profile_router
from app.schemas.pages import Page
from app.schemas.profiles import HardwareProfile, NewHardwareProfile

router = profile_router(
    ProfileKind(
        "/hardware-profiles",
        "machine",
        "hardware_profile",
        NewHardwareProfile,
        HardwareProfile,
        Page[HardwareProfile],
        lambda services: services.hardware_profiles,
    )
)
