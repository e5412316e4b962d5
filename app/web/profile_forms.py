"""The forms of saved profiles: their fields as people write them, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from app.domain.errors import FieldError, InvalidInput
from app.domain.units import GIB, MIB
from app.schemas.catalog import FactDocument, SystemDocument
from app.schemas.profiles import GpuFacts, NewHardwareProfile, NewModelProfile
from app.web.forms import read_number
from app.web.numbers import integer
from app.web.sent import checked, json_object

Texts = Mapping[str, str]
_COUNTS = ("gpus_per_node", "nodes", "host_memory_gib", "nvme_gib")
_DEFAULTS = {"gpus_per_node": "1", "nodes": "1", "host_memory_gib": "512", "nvme_gib": "4,000"}
_UNITS = {"bytes": "MiB"}
FACT_NAMES = frozenset(GpuFacts.model_fields)


@dataclass(frozen=True)
class Override:
    """A fact that the form lets one replace. `catalogue` is the GPU's own value, in words."""

    name: str
    label: str
    unit: str
    catalogue: str
    basis: str
    text: str


def blank_hardware() -> dict[str, str]:
    """The fields of a new system."""
    return dict(_DEFAULTS)


def hardware_texts(new: NewHardwareProfile) -> dict[str, str]:
    """A system as its form shows it. Texts are exact: sent back unchanged, they say the same."""
    texts = {name: integer(getattr(new, name)) for name in _COUNTS}
    texts |= {"name": new.name, "notes": new.notes, "gpu": new.gpu, "network": new.network or ""}
    texts["price_usd"] = "" if new.price_usd is None else f"{new.price_usd:,f}"
    texts["network_gb_s"] = "" if new.network_gb_s is None else f"{new.network_gb_s:g}"
    for name in GpuFacts.model_fields:
        texts[name] = _text(name, getattr(new, name))
    return texts


def system_texts(system: SystemDocument) -> dict[str, str]:
    """A system of the catalogue as the start of one's own."""
    return {
        "name": system.name,
        "notes": f"From the catalogue: {system.source}",
        "gpu": system.gpu,
        "gpus_per_node": integer(system.gpus_per_node),
        "nodes": "1",
        "host_memory_gib": integer(system.host_memory_gib),
        "nvme_gib": integer(system.nvme_gib or 0),
        "network": system.network,
        "network_gb_s": f"{system.network_gb_s:g}",
    }


def read_hardware(texts: Texts) -> NewHardwareProfile:
    """The system that a form describes. Raises InvalidInput with everything that is wrong."""
    body: dict[str, Any] = {"name": texts.get("name", ""), "notes": texts.get("notes", "")}
    body |= {"gpu": texts.get("gpu", ""), "network": texts.get("network", "").strip() or None}
    errors = []
    readers = dict.fromkeys(_COUNTS, _count) | {"price_usd": _dollars, "network_gb_s": _rate}
    readers |= {name: _reader(name) for name in GpuFacts.model_fields}
    for name, read in readers.items():
        text = texts.get(name, _DEFAULTS.get(name, "")).strip()
        try:
            body[name] = read(name, text) if text else None
        except ValueError as error:
            errors.append(FieldError(f"/{name}", str(error)))
    missing = [name for name in _COUNTS if body.get(name) is None and name in body]
    errors += [FieldError(f"/{name}", "Enter a whole number.") for name in missing]
    if errors:
        raise InvalidInput(*errors)
    return checked(NewHardwareProfile, body)


def overrides_of(facts: list[FactDocument], texts: Texts) -> list[Override]:
    """The facts that can be replaced, each with the catalogue's value and what stands instead."""
    rows = []
    for fact in facts:
        if not fact.own:
            continue
        rows.append(
            Override(
                fact.key,
                fact.label,
                _UNITS.get(fact.unit, fact.unit),
                _text(fact.key, fact.value) or "not known",
                fact.basis,
                texts.get(fact.key, ""),
            )
        )
    return rows


def config_text(config: Mapping[str, Any]) -> str:
    """A config.json as a text field holds it."""
    return json.dumps(config, indent=2)


def model_texts(new: NewModelProfile) -> dict[str, str]:
    """A model as its form shows it."""
    named = None if new.dimensions is None else new.dimensions.model_dump(exclude_none=True)
    return {
        "name": new.name,
        "notes": new.notes,
        "base": new.base or "",
        "config": "" if new.config is None else config_text(new.config),
        "dimensions": "" if named is None else config_text(named),
    }


def read_model(texts: Texts) -> NewModelProfile:
    """The model that a form describes: its config before its base. Raises InvalidInput."""
    body: dict[str, Any] = {"name": texts.get("name", ""), "notes": texts.get("notes", "")}
    for name in ("config", "dimensions"):
        if texts.get(name, "").strip():
            body[name] = json_object(texts[name], f"/{name}")
            break
    else:
        body["base"] = texts.get("base", "").strip() or None
        if body["base"] is None:
            raise InvalidInput(FieldError("/base", "Choose a model, or import its config.json."))
    return checked(NewModelProfile, body)


def _text(name: str, value: object) -> str:
    """A fact's value as its field shows it: bytes in MiB, to the last byte."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if name.endswith("_bytes"):
        return f"{Decimal(int(str(value))) / MIB:,f}"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _reader(name: str) -> Any:
    if name.endswith("_bytes"):
        return _bytes
    if name == "bf16_native":
        return lambda _name, text: text == "true"
    if name in ("memory_gb", "memory_bandwidth_gb_s", "power_w"):
        return _count
    if name in ("bf16_tflops", "pcie_gb_s", "interconnect_gb_s"):
        return _rate
    return lambda _name, text: text


def _count(name: str, text: str) -> int:
    return read_number(text, 1024 if name.endswith("gib") else 1000)


def _bytes(_name: str, text: str) -> int:
    """MiB as a decimal number, or GiB where that is said."""
    plain = text.lower().replace(",", "")
    unit = GIB if plain.endswith("gib") else MIB
    try:
        size = Decimal(plain.removesuffix("gib").removesuffix("mib").strip()) * unit
    except InvalidOperation:
        raise ValueError("Enter MiB, for example 97,249, or GiB, for example 95 GiB.") from None
    if not size.is_finite():
        raise ValueError("Enter a finite number.")
    return int(size)


def _rate(_name: str, text: str) -> float:
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        raise ValueError("Enter a number, for example 63.") from None
    if not value.is_finite():
        raise ValueError("Enter a finite number.")
    return float(value)


def _dollars(_name: str, text: str) -> Decimal:
    try:
        return Decimal(text.lstrip("$").replace(",", ""))
    except InvalidOperation:
        raise ValueError("Enter dollars, for example 52,000.") from None
