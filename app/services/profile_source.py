"""Saved profiles as jobs and menus need them: by id, and by name."""

from __future__ import annotations

from app.catalog.huggingface.towers import Towers
from app.domain.architecture import ModelSpec
from app.domain.errors import FieldError, InvalidInput
from app.domain.hardware import Hardware
from app.services.errors import NotFound
from app.services.hardware_profiles import HardwareProfiles
from app.services.model_profiles import ModelProfiles
from app.storage.profiles import ProfileName


class SavedProfiles:
    """Profiles by id; an unknown one is bad input at `/model/profile` or `/hardware/profile`."""

    def __init__(self, models: ModelProfiles, hardware: HardwareProfiles) -> None:
        self._models = models
        self._hardware = hardware

    def model_spec(self, profile_id: str, towers: Towers | None = None) -> ModelSpec:
        """The model of a saved profile; raises InvalidInput when there is none."""
        try:
            return self._models.spec(profile_id, towers)
        except NotFound as error:
            remedy = f"{error} Save one first, or use the id of a catalogue model."
            raise InvalidInput(FieldError("/model/profile", remedy)) from None

    def hardware(self, profile_id: str) -> Hardware:
        """The machine of a saved profile; raises InvalidInput when there is none."""
        try:
            return self._hardware.hardware(profile_id)
        except NotFound as error:
            remedy = f"{error} Save one first, or use the id of a catalogue GPU."
            raise InvalidInput(FieldError("/hardware/profile", remedy)) from None

    def list_models(self) -> list[ProfileName]:
        """The newest saved models, as many as a menu holds."""
        return self._models.names()

    def list_hardware(self) -> list[ProfileName]:
        """The newest saved machines, as many as a menu holds."""
        return self._hardware.names()

    def hardware_name(self, profile_id: str) -> str | None:
        """What a saved machine is called; None when there is none."""
        return self._hardware.name_of(profile_id)
