"""Saved models: a Hugging Face config, or a model of the catalogue under a name of one's own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from app.catalog import Catalog
from app.catalog.huggingface import Reading, read_config
from app.catalog.huggingface.dimensions import spec_from_dimensions
from app.catalog.huggingface.towers import Towers, has_towers
from app.domain.architecture import ModelSpec
from app.domain.errors import FieldError, InvalidInput
from app.schemas.profiles import ModelFacts, ModelProfile, NewModelProfile
from app.services.clock import Clock
from app.services.fetching import ConfigFetcher
from app.services.model_facts import facts_of
from app.services.pointers import moved_pointers
from app.services.profiles import ProfileService
from app.storage.database import Database
from app.storage.profiles import ProfileRepository, ProfileRow
from app.storage.repositories import Repositories


@dataclass(frozen=True, slots=True)
class _Definition:
    """What is stored of a model: one of the first three is set."""

    config: dict[str, Any] | None = None
    base: str | None = None
    dimensions: dict[str, Any] | None = None
    notes: str = ""
    towers: Towers = "none"


_DEFINITION: TypeAdapter[_Definition] = TypeAdapter(_Definition)
_DOCUMENT: TypeAdapter[ModelProfile] = TypeAdapter(ModelProfile)
# Configs of the largest models take 10 KiB, with every layer listed; a page lists hundreds.
MAX_CONFIG_BYTES = 256 * 1024
MAX_NOTES = 2_000
_POINTERS = {
    "/model/config": "/config",
    "/model/id": "/base",
    "/model/dimensions": "/dimensions",
    "/model/towers": "/towers",
}


class ModelProfiles(ProfileService[NewModelProfile, ModelProfile]):
    """The use cases around saved models."""

    kind = "model profile"
    id_prefix = "mp"

    def __init__(
        self, database: Database, clock: Clock, catalog: Catalog, fetcher: ConfigFetcher
    ) -> None:
        super().__init__(database, clock, _DOCUMENT)
        self._catalog = catalog
        self._fetcher = fetcher
        # Reading a config takes milliseconds, and every estimate asks for its model.
        self._reading = lru_cache(maxsize=256)(self._read)

    def spec(self, profile_id: str, towers: Towers | None = None) -> ModelSpec:
        """The model of a profile, its towers as it says unless `towers` says otherwise.

        Raises:
            NotFound: there is no such profile.
            InvalidInput: its model can no longer be understood.
        """
        row = self.row(profile_id)
        return self._reading(row.id, row.name, row.definition, towers).spec

    def facts(self, new: NewModelProfile) -> ModelFacts:
        """What a new profile would be understood as, without saving it.

        Raises:
            InvalidInput: with pointers into `new`, for what no job could use.
        """
        return facts_of(self._checked_reading(new))

    def fetched(self, repository: str) -> dict[str, Any]:
        """The config.json of `org/name`; raises InvalidInput at `/repository`."""
        return self._fetcher.fetch(repository)

    def completed(self, new: NewModelProfile) -> NewModelProfile:
        if new.repository is None:
            return new
        source = f"config.json of {new.repository} on Hugging Face"
        noted = f"{new.notes}\n{source}".strip()
        return new.model_copy(
            update={
                "config": self.fetched(new.repository),
                "repository": None,
                "notes": noted if len(noted) <= MAX_NOTES else new.notes,
            }
        )

    def has_towers(self, profile_id: str) -> bool:
        """Whether a profile's config describes towers; raises `NotFound`."""
        config = _DEFINITION.validate_json(self.row(profile_id).definition).config
        return config is not None and has_towers(config)

    def _read(
        self, profile_id: str, name: str, definition: str, towers: Towers | None = None
    ) -> Reading:
        wanted = _DEFINITION.validate_json(definition)
        if wanted.config is not None:
            reading = read_config(wanted.config, profile_id, towers or wanted.towers)
        elif towers in ("frozen", "trained"):
            detail = "This saved model has no config.json to read towers from: leave towers out."
            raise InvalidInput(FieldError("/model/towers", detail))
        elif wanted.dimensions is not None:
            reading = Reading(spec_from_dimensions(wanted.dimensions, profile_id))
        else:
            reading = Reading(self._catalog.model(wanted.base or "").spec)
        named = dataclasses.replace(reading.spec, id=profile_id, name=name)
        return dataclasses.replace(reading, spec=named)

    def repository(self, repositories: Repositories) -> ProfileRepository:
        return repositories.model_profiles

    def check(self, new: NewModelProfile) -> None:
        self._checked_reading(new)

    def _checked_reading(self, new: NewModelProfile) -> Reading:
        definition = self.definition(new)
        if len(definition.encode()) > MAX_CONFIG_BYTES:
            remedy = (
                f"Remove what the model does not need: keep at most {MAX_CONFIG_BYTES:,} bytes."
            )
            raise InvalidInput(FieldError("/config", remedy))
        with moved_pointers(_POINTERS):
            return self._read("", new.name, definition)

    def definition(self, new: NewModelProfile) -> str:
        if new.repository is not None:
            remedy = "Give its config: a repository is fetched only when a profile is created."
            raise InvalidInput(FieldError("/repository", remedy))
        named = new.dimensions
        dimensions = None if named is None else named.model_dump(exclude_none=True)
        return _DEFINITION.dump_json(
            _Definition(new.config, new.base, dimensions, new.notes, new.towers)
        ).decode()

    def source(self, row: ProfileRow) -> NewModelProfile:
        wanted = _DEFINITION.validate_json(row.definition)
        return NewModelProfile.model_validate(dataclasses.asdict(wanted) | {"name": row.name})

    def show(self, row: ProfileRow) -> ModelProfile:
        wanted = _DEFINITION.validate_json(row.definition)
        facts = self._facts(row)
        return ModelProfile(
            id=row.id,
            version=row.version,
            name=row.name,
            notes=wanted.notes,
            base=wanted.base,
            config=wanted.config,
            dimensions=wanted.dimensions,
            towers=wanted.towers,
            parameters=None if facts is None else facts.parameters,
            facts=facts,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    def _facts(self, row: ProfileRow) -> ModelFacts | None:
        try:
            return facts_of(self._reading(row.id, row.name, row.definition))
        except InvalidInput:
            return None
