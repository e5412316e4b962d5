"""For jobs that are made without a database: there are no saved profiles."""

from __future__ import annotations

from typing import NoReturn

from app.catalog.huggingface.towers import Towers
from app.domain.errors import FieldError, InvalidInput


class NoProfiles:
    """Refuses every profile, with what to name instead."""

    def model_spec(self, profile_id: str, towers: Towers | None = None) -> NoReturn:
        detail = "Saved profiles are not read here: give model.id or model.config."
        raise InvalidInput(FieldError("/model/profile", detail))

    def hardware(self, profile_id: str) -> NoReturn:
        detail = "Saved profiles are not read here: give hardware.gpu."
        raise InvalidInput(FieldError("/hardware/profile", detail))
