"""A Hugging Face config.json, read as data, becomes a `ModelSpec`. Nothing in it is executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import app.catalog.huggingface.families  # noqa: F401  (registers every family)
from app.catalog.huggingface.class_keys import class_keys, of_class
from app.catalog.huggingface.reading import ROOT_POINTER, TEXT_SECTIONS, Config, check_size
from app.catalog.huggingface.registry import FAMILIES, NESTED, WRAPPER_DEFAULTS, Family
from app.catalog.huggingface.towers import Towers, has_towers, sentence, ties, towers_of
from app.domain.architecture import ModelSpec

__all__ = ["FAMILIES", "Reading", "read_config", "spec_from_config", "supported_model_types"]


@dataclass(frozen=True)
class Reading:
    """What a config.json was understood as.

    `defaults`: keys that the reading needs and the file leaves out, with what its class takes
    instead. `ignored`: sentences on keys that could be expected to matter and do not.
    """

    spec: ModelSpec
    defaults: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def supported_model_types() -> tuple[str, ...]:
    """Every `model_type` that can be read, multimodal ones (their text model) included."""
    return tuple(sorted({*FAMILIES, *NESTED}))


def spec_from_config(config: Mapping[str, Any], id: str) -> ModelSpec:  # noqa: A002
    """The architecture that a config.json describes; raises as `read_config` does."""
    return read_config(config, id).spec


def read_config(
    config: Mapping[str, Any],
    id: str,  # noqa: A002
    towers: Towers = "none",
) -> Reading:
    """The architecture that a config.json describes, as transformers 5.23 would build it.

    A key that is absent means what the family's class takes it to mean. Of a multimodal model the
    text model is read, and its towers where they are frozen or trained beside it. Raises
    `InvalidInput` with pointers under `/model/config`: an unknown `model_type`, missing or
    impossible dimensions, wrong types.
    """
    c = _text_config(config)
    found = _family(c, config)
    c.read_as(class_keys().get(found.model_type))
    spec = found.build(c)
    c.raise_if_bad()
    check_size(spec.total_parameters, ROOT_POINTER)
    name = id.rsplit("/", 1)[-1]
    spec = replace(spec, id=id, name=name, family=found.name, model_type=found.model_type)
    if towers != "none":
        spec = _with_towers(spec, config, trained=towers == "trained")
        check_size(spec.total_parameters, ROOT_POINTER)
    return Reading(spec, c.defaults, tuple(_ignored(config, towers)))


def _with_towers(spec: ModelSpec, config: Mapping[str, Any], *, trained: bool) -> ModelSpec:
    found = towers_of(config, spec, trained=trained)
    told = tuple(sentence(tower) for tower in found)
    assumptions = (*spec.assumptions, *told)
    return replace(spec, towers=found, tied_embeddings=ties(config), assumptions=assumptions)


def _text_config(config: Mapping[str, Any]) -> Config:
    for section in TEXT_SECTIONS:
        nested = config.get(section)
        if isinstance(nested, dict):
            nested = {**WRAPPER_DEFAULTS.get(str(config.get("model_type")), {}), **nested}
            return Config(nested, f"{ROOT_POINTER}/{section}", outer=config)
    return Config(config)


def _family(c: Config, config: Mapping[str, Any]) -> Family:
    outer = config.get("model_type")
    for model_type in (c.find("model_type")[1], outer):
        if isinstance(model_type, str):
            found = FAMILIES.get(NESTED.get(model_type, model_type))
            if found:
                return found
    top = Config(config)
    named = _named_class(config)
    if not isinstance(outer, str):
        if named in FAMILIES:
            return FAMILIES[named]
        return top.refuse(
            "model_type",
            'model_type is missing; add the one of the model\'s own config.json, such as "llama".',
        )
    alike = get_close_matches(outer, supported_model_types(), n=3, cutoff=0.5)
    near = list(dict.fromkeys([named] * bool(named) + alike))[:3] or ["llama"]
    quoted = ", ".join(f'"{name}"' for name in near)
    return top.refuse(
        "model_type",
        f'model_type "{outer[:60]}" is not supported; use a supported one that has the same '
        f"layers, such as {quoted}, or send model.dimensions instead: hidden_size, "
        "num_hidden_layers, num_attention_heads, intermediate_size and vocab_size give an estimate "
        "that is marked as an assumption.",
    )


def _named_class(config: Mapping[str, Any]) -> str:
    """The `model_type` whose causal class `architectures` names; empty where none is known."""
    stated = config.get("architectures")
    names = [name for name in stated if isinstance(name, str)] if isinstance(stated, list) else []
    return next((of_class()[name] for name in names if name in of_class()), "")


def _ignored(config: Mapping[str, Any], towers: Towers) -> Iterator[str]:
    if _text_config(config).find("model_type")[1] is None and "model_type" not in config:
        yield f"model_type is missing: architectures names {_named_class(config)}'s class."
    if towers == "none" and has_towers(config):
        yield (
            "The vision or audio tower is not counted: the text model alone is trained. Choose "
            "towers frozen or trained where it is loaded through its multimodal class."
        )
    if config.get("auto_map"):
        yield "auto_map names Python code of the repository: it is neither fetched nor run."
    if config.get("quantization_config"):
        yield (
            "quantization_config says how the checkpoint is stored: bytes per weight follow the "
            "precision and the method of the job."
        )
