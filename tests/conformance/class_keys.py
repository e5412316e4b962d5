"""Writes what transformers' config classes read, for the keys that our families ask for.

    python -m tests.conformance.class_keys

Runs where transformers is installed.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from app.catalog.huggingface import FAMILIES
from app.catalog.huggingface.class_keys import FILE

_BESIDE_FIELDS = re.compile(
    r"kwargs\.(?:get|pop|setdefault)\(\s*\"(\w+)\"|\"(\w+)\" (?:not )?in kwargs"
    r"|getattr\((?:self\.)?config,\s*\"(\w+)\""
)

# Every class's rotary embedding asks for a head_dim that its attention may not read.
_ROTARY = re.compile(
    r"    def compute_default_rope_parameters.*?(?=\n    def |\nclass )", re.DOTALL
)


def asked_for() -> set[str]:
    """Every string that stands in the code of the families."""
    found: set[str] = set()
    for path in Path(FILE).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def _beside(config: type) -> ModuleType:
    return import_module(config.__module__.replace("configuration_", "modeling_"))


def causal_class(config: type) -> Any:
    """The causal language model of a config class; None where it has none of its own."""
    if config in MODEL_FOR_CAUSAL_LM_MAPPING:
        return MODEL_FOR_CAUSAL_LM_MAPPING[config]
    return getattr(_beside(config), config.__name__.replace("Config", "ForCausalLM"), None)


def describe(model_type: str, asked: set[str]) -> dict[str, Any]:
    """The keys of one class that are asked for."""
    config = CONFIG_MAPPING[model_type]
    defaults: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = None if field.default is dataclasses.MISSING else field.default
        if field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        key = config.attribute_map.get(field.name, field.name)
        if key in asked | set(config.attribute_map.values()):
            defaults[key] = value if _plain(value) else None
    causal = causal_class(config)
    modules = (inspect.getmodule(config), inspect.getmodule(causal) if causal else _beside(config))
    sources = [_ROTARY.sub("", inspect.getsource(module)) for module in modules if module]
    beside = {
        name
        for source in sources
        for match in _BESIDE_FIELDS.finditer(source)
        for name in match.groups()
        if name in asked and name not in defaults
    }
    entry = {
        "class": causal.__name__ if causal else "",
        "defaults": defaults,
        "aliases": dict(config.attribute_map),
        "others": sorted(beside),
    }
    return {key: value for key, value in entry.items() if value or key == "defaults"}


def _plain(value: object) -> bool:
    return not isinstance(value, dict) and (
        value is None or isinstance(value, (bool, int, float, str, list, tuple))
    )


def table() -> str:
    """The whole file: one line for each class that transformers has."""
    asked = asked_for()
    known = [t for t in sorted(FAMILIES) if t in CONFIG_MAPPING]
    lines = [f"{json.dumps(t)}: {json.dumps(describe(t, asked))}" for t in known]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(table(), "utf-8")
    sys.stdout.write(f"{len(FAMILIES)} families, written to {FILE}\n")
