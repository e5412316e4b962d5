"""Loads the data files once and finds models and GPUs in them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

from pydantic import TypeAdapter

from app.catalog.records import GpuEntry, ModelEntry
from app.domain.errors import FieldError, InvalidInput

DATA = Path(__file__).parent / "data"
MODEL_POINTER = "/model/id"
GPU_POINTER = "/hardware/gpu"

_MODELS: TypeAdapter[list[ModelEntry]] = TypeAdapter(list[ModelEntry])
_GPUS: TypeAdapter[list[GpuEntry]] = TypeAdapter(list[GpuEntry])
Entry = TypeVar("Entry", ModelEntry, GpuEntry)


@dataclass(frozen=True)
class Catalog:
    """Every model and GPU that can be chosen by id, in the order of the data files.

    `version` changes whenever a record does; `transformers` is the version whose classes the
    parameter counts were verified with.
    """

    version: str
    transformers: str
    models: Mapping[str, ModelEntry]
    gpus: Mapping[str, GpuEntry]

    def model(self, id: str) -> ModelEntry:  # noqa: A002
        """The model of this id; `InvalidInput` naming the nearest ids if there is none."""
        return self.models.get(id) or _unknown(MODEL_POINTER, "model", id, self.models)

    def gpu(self, id: str) -> GpuEntry:  # noqa: A002
        """The GPU of this id; `InvalidInput` naming the nearest ids if there is none."""
        return self.gpus.get(id) or _unknown(GPU_POINTER, "GPU", id, self.gpus)

    def search_models(self, text: str) -> list[ModelEntry]:
        """Models whose id, name or family holds every word of the text, in catalogue order."""
        return _search(text, self.models.values())

    def search_gpus(self, text: str) -> list[GpuEntry]:
        """GPUs whose id, name or architecture holds every word of the text."""
        return _search(text, self.gpus.values())


@lru_cache(maxsize=1)
def load_catalog() -> Catalog:
    """The catalogue of this release. Read from the data files once per process."""
    return read_catalog(DATA)


def read_catalog(folder: Path) -> Catalog:
    """A catalogue from `catalog.json`, `models.json` and `gpus.json` in a folder.

    Raises `pydantic.ValidationError` for a record with an unknown key or a wrong type, and
    `ValueError` for two records of one id.
    """
    facts: dict[str, str] = json.loads((folder / "catalog.json").read_text("utf-8"))
    models = _MODELS.validate_json((folder / "models.json").read_bytes())
    gpus = _GPUS.validate_json((folder / "gpus.json").read_bytes())
    return Catalog(facts["version"], facts["transformers"], _by_id(models), _by_id(gpus))


def _by_id(entries: list[Entry]) -> Mapping[str, Entry]:
    found = {entry.id: entry for entry in entries}
    if len(found) != len(entries):
        ids = [entry.id for entry in entries]
        raise ValueError(f"two records of one id: {sorted({i for i in ids if ids.count(i) > 1})}")
    return MappingProxyType(found)


def _unknown(pointer: str, what: str, id_: str, known: Iterable[str]) -> NoReturn:
    """Name the nearest ids: first those that differ in case or in their owner only."""
    by_lower = {key.lower(): key for key in known}
    by_leaf = {key.rsplit("/", 1)[-1]: full for key, full in by_lower.items()}
    wanted = id_.lower()
    near = [by_lower.get(wanted), by_leaf.get(wanted.rsplit("/", 1)[-1])]
    near += [by_lower[key] for key in get_close_matches(wanted, by_lower, n=3, cutoff=0.4)]
    near += [full for key, full in by_lower.items() if wanted and wanted in key][:3]
    names = list(dict.fromkeys(name for name in near if name))[:3] or list(by_lower.values())[:3]
    shown = id_ if len(id_) <= 80 else id_[:79] + "…"
    raise InvalidInput(
        FieldError(
            pointer,
            f'There is no {what} "{shown}" in the catalogue; use one of its ids, '
            f"such as {', '.join(names)}.",
        )
    )


def _search(text: str, entries: Iterable[Entry]) -> list[Entry]:
    words = text.lower().split()
    return [entry for entry in entries if all(word in _haystack(entry) for word in words)]


def _haystack(entry: Any) -> str:
    group = entry.family if isinstance(entry, ModelEntry) else entry.architecture
    return f"{entry.id} {entry.name} {group}".lower()
