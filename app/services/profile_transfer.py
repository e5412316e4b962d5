"""All saved profiles out in one document, and back in: at once or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, Literal, NamedTuple

from app.domain.errors import FieldError, InvalidInput
from app.schemas.profile_transfer import (
    Action,
    Conflicts,
    ImportedProfile,
    ImportReport,
    ProfilesDocument,
    ProfilesImport,
    State,
)
from app.services.clock import Clock
from app.services.hardware_profiles import HardwareProfiles
from app.services.ids import new_id
from app.services.model_profiles import ModelProfiles
from app.services.pointers import moved_pointers
from app.services.profiles import Document, New, ProfileService
from app.storage.database import Database
from app.storage.profiles import ProfileRow
from app.storage.repositories import Repositories
from app.storage.versioned import Position

Kind = Literal["model_profile", "hardware_profile"]
_PAGE = 500
_WITH_CONFLICT: dict[Conflicts, Action] = {
    "keep": "kept",
    "replace": "replaced",
    "copy": "copied",
}


class _Decision(NamedTuple):
    state: State
    action: Action
    saved: ProfileRow | None
    differences: list[str]


class _Importer(Generic[New, Document]):
    """The profiles of one kind in a document, beside those that are saved."""

    def __init__(
        self, kind: Kind, service: ProfileService[New, Document], wanted: Sequence[New]
    ) -> None:
        self._kind = kind
        self._service = service
        self._wanted = wanted

    def errors(self) -> Iterator[FieldError]:
        """What no job could use, with pointers into the request."""
        for index, new in enumerate(self._wanted):
            try:
                with moved_pointers({"": f"/document/{self._kind}s/{index}"}):
                    self._service.check(new)
            except InvalidInput as error:
                yield from error.errors

    def run(
        self, repositories: Repositories, request: ProfilesImport, clock: Clock
    ) -> Iterator[ImportedProfile]:
        """Saves what is to be saved, unless it is a preview; yields what became of each."""
        saved: dict[str, list[ProfileRow]] = {}
        for row in all_rows(self._service, repositories):
            saved.setdefault(row.name, []).append(row)
        for index, new in enumerate(self._wanted):
            decision = self._decide(new, saved.get(new.name, []), request.on_conflict)
            now_there = None if decision.saved is None else decision.saved.id
            if not request.preview:
                now_there = self._save(repositories, new, decision, clock)
            elif decision.action == "copied":
                now_there = None
            yield ImportedProfile(
                self._kind,
                index,
                new.name,
                decision.state,
                decision.action,
                now_there,
                decision.differences,
            )

    def _decide(self, new: New, rows: Sequence[ProfileRow], on_conflict: Conflicts) -> _Decision:
        """Of several profiles of this name the newest counts, unless another is the same."""
        if not rows:
            return _Decision("new", "created", None, [])
        differences = [differing(self._service.source(row), new) for row in rows]
        for row, differs in zip(rows, differences, strict=True):
            if not differs:
                return _Decision("same", "unchanged", row, [])
        action = _WITH_CONFLICT[on_conflict]
        return _Decision("conflicting", action, rows[0], differences[0])

    def _save(
        self, repositories: Repositories, new: New, decision: _Decision, clock: Clock
    ) -> str | None:
        repository = self._service.repository(repositories)
        definition = self._service.definition(new)
        if decision.action in ("created", "copied"):
            profile_id = new_id(self._service.id_prefix)
            repository.add(profile_id, new.name, definition, clock())
            return profile_id
        if decision.saved is None:
            return None
        if decision.action == "replaced":
            repository.replace(decision.saved.id, None, new.name, definition, clock())
        return decision.saved.id


class ProfileTransfer:
    """Exports and imports every profile of a workspace."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        models: ModelProfiles,
        hardware: HardwareProfiles,
        catalog_version: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._models = models
        self._hardware = hardware
        self._catalog_version = catalog_version

    def export(self) -> dict[str, Any]:
        """Every profile, newest first, as a document that `take_in` takes; JSON values alone."""
        with self._database.read() as repositories:
            models = [self._models.source(r) for r in all_rows(self._models, repositories)]
            hardware = [self._hardware.source(r) for r in all_rows(self._hardware, repositories)]
        document = ProfilesDocument(
            format="shardplan-profiles",
            version=1,
            exported_at=self._clock(),
            catalog_version=self._catalog_version,
            model_profiles=models,
            hardware_profiles=hardware,
        )
        return document.model_dump(mode="json", exclude_none=True)

    def take_in(self, request: ProfilesImport) -> ImportReport:
        """Imports a document in one transaction, or says what that would do.

        Raises:
            InvalidInput: a profile that no job could use; nothing is saved then.
        """
        document = request.document
        importers: tuple[_Importer[Any, Any], ...] = (
            _Importer("model_profile", self._models, document.model_profiles),
            _Importer("hardware_profile", self._hardware, document.hardware_profiles),
        )
        errors = [error for importer in importers for error in importer.errors()]
        if errors:
            raise InvalidInput(*errors)
        transaction = self._database.read if request.preview else self._database.write
        with transaction() as repositories:
            items = [
                item for each in importers for item in each.run(repositories, request, self._clock)
            ]
        actions = [item.action for item in items]
        return ImportReport(
            preview=request.preview,
            on_conflict=request.on_conflict,
            created=actions.count("created") + actions.count("copied"),
            replaced=actions.count("replaced"),
            unchanged=actions.count("unchanged"),
            kept=actions.count("kept"),
            items=items,
        )


def all_rows(
    service: ProfileService[New, Document], repositories: Repositories
) -> Iterator[ProfileRow]:
    """Every profile of a kind, newest first."""
    repository = service.repository(repositories)
    after: Position | None = None
    while rows := repository.page(after, _PAGE):
        yield from rows
        after = Position(rows[-1].created_at, rows[-1].id)


def differing(saved: New, new: New) -> list[str]:
    """The fields in which two profiles differ."""
    ours, theirs = (each.model_dump(mode="json") for each in (saved, new))
    return [name for name in type(new).model_fields if ours[name] != theirs[name]]
