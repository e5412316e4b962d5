"""Loads the data files once and finds models and GPUs in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn, TypeVar

from pydantic import TypeAdapter

from app.catalog.records import GpuEntry, ModelEntry, SystemEntry
from app.domain.errors import FieldError, InvalidInput

DATA = Path(__file__).parent / "data"
MODEL_POINTER = "/model/id"
GPU_POINTER = "/hardware/gpu"
# A single letter is in too many ids to mean one of them.
_SHORTEST = 2
_SIMILAR = 0.65

_MODELS: TypeAdapter[list[ModelEntry]] = TypeAdapter(list[ModelEntry])
_GPUS: TypeAdapter[list[GpuEntry]] = TypeAdapter(list[GpuEntry])
_SYSTEMS: TypeAdapter[list[SystemEntry]] = TypeAdapter(list[SystemEntry])
Entry = TypeVar("Entry", ModelEntry, GpuEntry, SystemEntry)


@dataclass(frozen=True, eq=False)
class Catalog:
    """Every model and GPU that can be chosen by id, in the order of the data files.

    `version` changes whenever a record does; `transformers` is the version whose classes the
    parameter counts were verified with.
    """

    version: str
    transformers: str
    models: Mapping[str, ModelEntry]
    gpus: Mapping[str, GpuEntry]
    systems: Mapping[str, SystemEntry]

    def model(self, id: str) -> ModelEntry:  # noqa: A002
        """The model of this id; `InvalidInput` naming the nearest ids if there is none."""
        return self.models.get(id) or _unknown(MODEL_POINTER, "model", id, self.models)

    def gpu(self, id: str) -> GpuEntry:  # noqa: A002
        """The GPU of this id; `InvalidInput` naming the nearest ids if there is none."""
        return self.gpus.get(id) or _unknown(GPU_POINTER, "GPU", id, self.gpus)

    def search_models(self, text: str) -> list[ModelEntry]:
        """Models whose id, name, family or license holds every word, in catalogue order."""
        return _search(text, self.models.values())

    def search_gpus(self, text: str) -> list[GpuEntry]:
        """GPUs whose id, name, architecture, vendor, memory type or form factor holds all words."""
        return _search(text, self.gpus.values())


@lru_cache(maxsize=1)
def load_catalog() -> Catalog:
    """The catalogue of this release. Read from the data files once per process."""
    return read_catalog(DATA)


def read_catalog(folder: Path) -> Catalog:
    """A catalogue from `catalog.json`, `models.json`, `gpus.json` and `systems.json` in a folder.

    Raises `pydantic.ValidationError` for a record with an unknown key or a wrong type, and
    `ValueError` for two records of one id, or a system of GPUs that are not in the catalogue.
    """
    facts: dict[str, str] = json.loads((folder / "catalog.json").read_text("utf-8"))
    models = _MODELS.validate_json((folder / "models.json").read_bytes())
    gpus = _GPUS.validate_json((folder / "gpus.json").read_bytes())
    systems = _SYSTEMS.validate_json((folder / "systems.json").read_bytes())
    unknown = {system.gpu for system in systems} - {gpu.id for gpu in gpus}
    if unknown:
        raise ValueError(f"systems of GPUs that the catalogue does not have: {sorted(unknown)}")
    return Catalog(
        facts["version"], facts["transformers"], _by_id(models), _by_id(gpus), _by_id(systems)
    )


def _by_id(entries: list[Entry]) -> Mapping[str, Entry]:
    found = {entry.id: entry for entry in entries}
    if len(found) != len(entries):
        ids = [entry.id for entry in entries]
        raise ValueError(f"two records of one id: {sorted({i for i in ids if ids.count(i) > 1})}")
    return MappingProxyType(found)


def _unknown(pointer: str, what: str, id_: str, known: Iterable[str]) -> NoReturn:
    raise InvalidInput(FieldError(pointer, no_such(what, id_, known)))


def no_such(what: str, wanted: str, known: Iterable[str]) -> str:
    """The sentence about an id ("model" or "GPU") that the catalogue does not have."""
    shown = wanted if len(wanted) <= 80 else wanted[:79] + "…"
    near = ", ".join(nearest(wanted[:200], known))
    listed = f"{what.lower()}s"
    remedy = f"such as {near}" if near else f"which /{listed} and GET /api/v1/{listed} list"
    return f'There is no {what} "{shown}" in the catalogue; use one of its ids, {remedy}.'


def nearest(wanted: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known ids closest to what was asked for, best first; none if none is close.

    Ids that differ only in case, punctuation or owner come first, then those that hold the text
    asked for, those that hold all of its words, those that it holds, and the most similar ones.
    """
    ids = list(known)
    plain = {key: _letters(key) for key in ids}
    leaf = {key: _letters(key.rsplit("/", 1)[-1]) for key in ids}
    full, last = _letters(wanted), _letters(wanted.rsplit("/", 1)[-1])
    words = [_letters(word) for word in re.split(r"[\W_]+", wanted) if word]
    found = [key for key in ids if full and plain[key] == full]
    found += [key for key in ids if last and leaf[key] == last]
    if len(last) >= _SHORTEST:
        found += [key for key in ids if last in leaf[key]]
        found += [key for key in ids if all(word in plain[key] for word in words)]
        held = [key for key in ids if len(leaf[key]) > _SHORTEST and leaf[key] in last]
        found += sorted(held, key=lambda key: -len(leaf[key]))
    by_leaf = {leaf[key]: key for key in reversed(ids)}
    found += [by_leaf[name] for name in get_close_matches(last, by_leaf, count, _SIMILAR)]
    return list(dict.fromkeys(found))[:count]


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


Found = TypeVar("Found", ModelEntry, GpuEntry)


def _search(text: str, entries: Iterable[Found]) -> list[Found]:
    words = text.lower().split()
    return [entry for entry in entries if all(word in _haystack(entry) for word in words)]


def _haystack(entry: ModelEntry | GpuEntry) -> str:
    more = (
        (entry.family, entry.license)
        if isinstance(entry, ModelEntry)
        else (entry.architecture, entry.vendor, entry.memory_type, entry.form_factor)
    )
    return " ".join((entry.id, entry.name, *more)).lower()
