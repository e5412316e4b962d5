"""Dicts of scalars as JSON and as YAML, to be read by people too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

Value = bool | int | float | str | list[float] | Mapping[str, "Value"]
Settings = dict[str, Value]

# Strings that YAML reads as nothing but themselves; words such as `no` are booleans to YAML 1.1.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
# Objects that are no longer, in characters, are written on one line.
_SHORT = 72
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def json_text(settings: Settings) -> str:
    """JSON with one key a line, short objects on the line of their key."""
    return _object(settings, "") + "\n"


def _object(settings: Mapping[str, Value], indent: str) -> str:
    flat = not any(isinstance(value, Mapping) for value in settings.values())
    line = "{ " + ", ".join(_pair(key, value, "") for key, value in settings.items()) + " }"
    if indent and flat and len(line) <= _SHORT:
        return line
    inner = indent + "  "
    lines = (inner + _pair(key, value, inner) for key, value in settings.items())
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def _pair(key: str, value: Value, indent: str) -> str:
    text = _object(value, indent) if isinstance(value, Mapping) else json.dumps(value)
    return f"{json.dumps(key)}: {text}"


def yaml_text(settings: Mapping[str, Value]) -> str:
    """YAML in block style: booleans, integers and strings are JSON's; floats are not supported."""
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
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
