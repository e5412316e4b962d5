"""Saved models: a Hugging Face config, or a model of the catalogue under a name of one's own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from app.catalog import Catalog
from app.catalog.huggingface import spec_from_config
from app.domain.architecture import ModelSpec
from app.domain.errors import FieldError, InvalidInput
from app.schemas.profiles import ModelProfile, NewModelProfile, Parameters
from app.services.clock import Clock
from app.services.pointers import moved_pointers
from app.services.profiles import ProfileService
from app.storage.database import Database
from app.storage.profiles import ProfileRepository, ProfileRow
from app.storage.repositories import Repositories


@dataclass(frozen=True, slots=True)
class _Definition:
    """What is stored of a model: one of the two is set."""

    config: dict[str, Any] | None
    base: str | None


_DEFINITION: TypeAdapter[_Definition] = TypeAdapter(_Definition)
_DOCUMENT: TypeAdapter[ModelProfile] = TypeAdapter(ModelProfile)
# Configs of the largest models take 10 KiB, with every layer listed.
MAX_CONFIG_BYTES = 64 * 1024
_POINTERS = {"/model/config": "/config", "/model/id": "/base"}


class ModelProfiles(ProfileService[NewModelProfile, ModelProfile]):
    """The use cases around saved models."""

    kind = "model profile"
    id_prefix = "mp"

    def __init__(self, database: Database, clock: Clock, catalog: Catalog) -> None:
        super().__init__(database, clock, _DOCUMENT)
        self._catalog = catalog
        # Reading a config takes milliseconds, and every estimate asks for its model.
        self._spec = lru_cache(maxsize=64)(self._read_spec)

    def spec(self, profile_id: str) -> ModelSpec:
        """The model of a profile.

        Raises:
            NotFound: there is no such profile.
            InvalidInput: its model can no longer be understood.
        """
        row = self.row(profile_id)
        return self._spec(row.id, row.name, row.definition)

    def _read_spec(self, profile_id: str, name: str, definition: str) -> ModelSpec:
        wanted = _DEFINITION.validate_json(definition)
        if wanted.config is not None:
            spec = spec_from_config(wanted.config, profile_id)
        else:
            spec = self._catalog.model(wanted.base or "").spec
        return dataclasses.replace(spec, id=profile_id, name=name)

    def _repository(self, repositories: Repositories) -> ProfileRepository:
        return repositories.model_profiles

    def _check(self, new: NewModelProfile) -> None:
        definition = self._definition(new)
        if len(definition.encode()) > MAX_CONFIG_BYTES:
            remedy = (
                f"Remove what the model does not need: keep at most {MAX_CONFIG_BYTES:,} bytes."
            )
            raise InvalidInput(FieldError("/config", remedy))
        with moved_pointers(_POINTERS):
            self._read_spec("", new.name, definition)

    def _definition(self, new: NewModelProfile) -> str:
        return _DEFINITION.dump_json(_Definition(new.config, new.base)).decode()

    def show(self, row: ProfileRow) -> ModelProfile:
        wanted = _DEFINITION.validate_json(row.definition)
        return ModelProfile(
            id=row.id,
            version=row.version,
            name=row.name,
            base=wanted.base,
            config=wanted.config,
            parameters=self._parameters(row),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    def _parameters(self, row: ProfileRow) -> Parameters | None:
        try:
            spec = self._spec(row.id, row.name, row.definition)
        except InvalidInput:
            return None
        return Parameters(
            spec.total_parameters, spec.active_parameters, spec.largest_layer_parameters
        )
