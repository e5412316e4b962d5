"""Dicts of scalars as JSON and as YAML, to be read by people too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

Value = bool | int | float | str | list[float] | Mapping[str, "Value"]
Settings = dict[str, Value]

# Strings that YAML reads as nothing but themselves; words such as `no` are booleans to YAML 1.1.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def json_text(settings: Settings) -> str:
    """JSON with one key a line."""
    return json.dumps(settings, indent=2, ensure_ascii=False) + "\n"


def yaml_text(settings: Mapping[str, Value]) -> str:
    """YAML's block style. Values are scalars or mappings; JSON's scalars are YAML."""
    return "".join(f"{line}\n" for line in _lines(settings, ""))


def _lines(settings: Mapping[str, Value], indent: str) -> list[str]:
    found = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found += [f"{indent}{key}:", *_lines(value, indent + "  ")]
        else:
            found.append(f"{indent}{key}: {_scalar(value)}")
    return found


def _scalar(value: bool | int | float | str | list[float]) -> str:
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return str(value) if plain else json.dumps(value)
