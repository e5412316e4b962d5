"""Reads a config.json key by key: every value is checked, every complaint names its key."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from app.catalog.huggingface.class_keys import ClassKeys
from app.domain.errors import FieldError, InvalidInput

ROOT_POINTER = "/model/config"
MISSING: Any = object()
# Where multimodal configs have their text model.
TEXT_SECTIONS = ("text_config", "llm_config", "language_config")

# Far beyond any model that exists: they keep every product small enough to answer at once.
MAX_LAYERS = 1_000
MAX_HIDDEN = 1_000_000
MAX_VOCABULARY = 10_000_000
MAX_EXPERTS = 10_000
MAX_HEADS = 10_000
MAX_HEAD_DIM = 100_000
MAX_POSITIONS = 1_000_000_000
MAX_PARAMETERS = 10**15
# A config of its own states these; only one inside another may leave them to the class.
ESSENTIAL = frozenset(
    (
        *("hidden_size", "n_embd", "d_model", "num_hidden_layers", "n_layer", "num_layers"),
        *("n_layers", "num_attention_heads", "n_head", "num_heads", "n_heads", "attention_heads"),
        *("intermediate_size", "ffn_dim", "vocab_size"),
    )
)

T = TypeVar("T")


class Config:
    """A config.json, or the part of it that describes the text model.

    Getters take one key or several spellings of it and return a checked value. A bad value is
    noted and replaced by the smallest sensible one, so that one pass finds every bad key;
    `raise_if_bad` then raises `InvalidInput` with all of them.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        pointer: str = ROOT_POINTER,
        outer: Mapping[str, Any] | None = None,
    ) -> None:
        self._values = values
        self._pointer = pointer
        self._outer = outer or {}
        self._errors: dict[str, str] = {}
        self._defaults: dict[str, Any] = {}
        self._class: ClassKeys | None = None

    def read_as(self, keys: ClassKeys | None) -> None:
        """Read on as this class would: its spellings alone, and its defaults for absent keys."""
        self._class = keys

    @property
    def defaults(self) -> Mapping[str, Any]:
        """The keys that were asked for and are absent or null, with what stands in for each."""
        return self._defaults

    def pointer(self, key: str) -> str:
        """The JSON pointer of a key (RFC 6901)."""
        return f"{self._pointer}/{key.replace('~', '~0').replace('/', '~1')}"

    def complain(self, key: str, detail: str) -> None:
        """Note a bad key; the first complaint about a key stands."""
        self._errors.setdefault(self.pointer(key), detail)

    def raise_if_bad(self) -> None:
        """Raise `InvalidInput` with everything noted so far."""
        if self._errors:
            raise InvalidInput(*(FieldError(p, d) for p, d in self._errors.items()))

    def refuse(self, key: str, detail: str) -> NoReturn:
        """Note a bad key that leaves nothing to go on with, and raise."""
        self.complain(key, detail)
        raise InvalidInput(*(FieldError(p, d) for p, d in self._errors.items()))

    def is_sound(self, keys: Sequence[str]) -> bool:
        """Whether nothing was complained about under any spelling."""
        return not any(self.pointer(key) in self._errors for key in keys)

    def has(self, key: str) -> bool:
        """Whether the key has a value other than null, the class's default among them."""
        return self.find(key)[1] is not None

    def states(self, keys: str | Sequence[str]) -> bool:
        """Whether the config itself, not the class, gives the key a value other than null."""
        return any(self._values.get(key) is not None for key in self._spellings(keys))

    def is_null(self, keys: str | Sequence[str]) -> bool:
        """Whether the config says null: not the class's default, but none."""
        return not self.states(keys) and any(key in self._values for key in self._spellings(keys))

    def find(self, keys: str | Sequence[str]) -> tuple[str, Any]:
        """The first spelling that has a value, and the value; else the first spelling and None.

        What is neither stated nor null is as the class has it.
        """
        written = self._spellings(keys)
        for key in written:
            if self._values.get(key) is not None:
                return key, self._values[key]
        asked = (keys,) if isinstance(keys, str) else keys
        if self._class and not any(key in self._values for key in written):
            for key in asked:
                field = self._class.aliases.get(key, key)
                value = self._class.defaults.get(field)
                if value is not None and (self._outer or field not in ESSENTIAL):
                    return key, self._defaulted(key, value)
        return asked[0], None

    def _spellings(self, keys: str | Sequence[str]) -> tuple[str, ...]:
        asked = (keys,) if isinstance(keys, str) else tuple(keys)
        if self._class is None:
            return asked
        return tuple(key for spelling in asked for key in self._class.spellings(spelling))

    def integer(
        self,
        keys: str | Sequence[str],
        default: int = MISSING,
        *,
        least: int = 1,
        most: int = MAX_HIDDEN,
    ) -> int:
        """A whole number from `least` to `most`. Without a default the key is required."""
        found = self.optional_integer(keys, least=least, most=most)
        if found is not None:
            return found
        if default is not MISSING:
            return int(self._defaulted(keys, default))
        key = keys if isinstance(keys, str) else keys[0]
        self.complain(key, f"{key} is missing; add it as a whole number from {least} to {most:,}.")
        return max(least, 1)

    def optional_integer(
        self, keys: str | Sequence[str], *, least: int = 1, most: int = MAX_HIDDEN
    ) -> int | None:
        """The same, None where the key is absent or null."""
        key, value = self.find(keys)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self.complain(
                key, f"{key} must be a whole number from {least} to {most:,}, not {_shown(value)}."
            )
        elif not least <= value <= most:
            self.complain(
                key, f"{key} must lie between {least} and {most:,}; {_shown(value)} does not."
            )
        else:
            return value
        return max(least, 1)

    def flag(self, keys: str | Sequence[str], default: bool) -> bool:
        """True or false; `default` where the key is absent or null."""
        key, value = self.find(keys)
        if value is None:
            return self._defaulted(keys, default)
        if isinstance(value, bool):
            return value
        self.complain(key, f"{key} must be true or false, not {_shown(value)}.")
        return default

    def number(
        self, keys: str | Sequence[str], default: float, *, least: float, most: float
    ) -> float:
        """A finite number from `least` to `most`; `default` where the key is absent or null."""
        key, value = self.find(keys)
        if value is None:
            return self._defaulted(keys, default)
        if (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and math.isfinite(value)
            and least <= value <= most
        ):
            return float(value)
        self.complain(
            key, f"{key} must be a number from {least:g} to {most:g}, not {_shown(value)}."
        )
        return default

    def choice(self, keys: str | Sequence[str], table: Mapping[str, T], default: str) -> T:
        """The entry of `table` that the value names."""
        key, value = self.find(keys)
        name = self._defaulted(keys, default) if value is None else value
        if isinstance(name, str) and name in table:
            return table[name]
        self.complain(key, f"{key} {_shown(name)} is not known; use one of {', '.join(table)}.")
        return table[default]

    def names(
        self,
        keys: str | Sequence[str],
        length: int,
        known: Iterable[str],
        default: Callable[[int], str],
    ) -> tuple[str, ...]:
        """A list of `length` strings out of `known`; absent: `default` of each index."""
        key, value = self.find(keys)
        fallback = tuple(default(index) for index in range(length))
        if value is None:
            return fallback
        allowed = set(known)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.complain(key, f"{key} must be a list with one name for each layer.")
        elif len(value) != length:
            self.complain(
                key,
                f"{key} names {len(value)} layers where the model has {length}; "
                "make the two agree.",
            )
        elif bad := next((v for v in value if v not in allowed), None):
            self.complain(key, f"{key} holds {_shown(bad)}; use {', '.join(sorted(allowed))}.")
        else:
            return tuple(value)
        return fallback

    def indices(self, key: str, length: int) -> frozenset[int] | None:
        """A list of layer numbers below `length`; None where the key is absent or null."""
        _, value = self.find(key)
        if value is None:
            return None
        if isinstance(value, list) and all(
            isinstance(v, int) and not isinstance(v, bool) and 0 <= v < length for v in value
        ):
            return frozenset(value)
        self.complain(key, f"{key} must be a list of layer numbers from 0 to {length - 1}.")
        return frozenset()

    def each(self, key: str, length: int) -> tuple[int, ...] | None:
        """A list of `length` whole numbers, one for each layer; None where absent or null."""
        _, value = self.find(key)
        if value is None:
            return None
        if isinstance(value, list) and len(value) == length and all(type(v) is int for v in value):
            return tuple(value)
        self.complain(key, f"{key} must be a list of {length} whole numbers, one for each layer.")
        return None

    def section(self, key: str) -> Config:
        """A nested object, which notes its complaints here; empty where absent."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, dict):
            self.complain(key, f"{key} must be an object, not {_shown(value)}.")
            value = None
        nested = Config(value or {}, self.pointer(key))
        nested._errors, nested._defaults = self._errors, self._defaults
        return nested

    def sections(self, key: str, length: int) -> tuple[Config, ...]:
        """A list of `length` objects, equal ones as one, which note their complaints here."""
        _, value = self.find(key)
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            self.refuse(key, f"{key} must be a list of {length} objects, one for each layer.")
        if len(value) != length:
            self.refuse(key, f"{key} has {len(value)} objects where the model has {length} layers.")
        built: dict[str, Config] = {}
        for index, part in enumerate(value):
            nested = Config(part, f"{self.pointer(key)}/{index}")
            nested._errors, nested._defaults = self._errors, self._defaults
            built.setdefault(json.dumps(part, sort_keys=True), nested)
        return tuple(built[json.dumps(part, sort_keys=True)] for part in value)

    def level(self, *keys: str) -> None:
        """Read a list of equal numbers, one for each layer, as that number."""
        for key in keys:
            value = self._values.get(key)
            if isinstance(value, list) and value and all(v == value[0] for v in value):
                self._values = {**self._values, key: value[0]}

    def over(self, defaults: Mapping[str, Any]) -> Config:
        """The same config where other values stand in for absent keys."""
        stated = {key: value for key, value in self._values.items() if value is not None}
        other = Config({**defaults, **stated}, self._pointer)
        other._errors = self._errors
        return other

    def tied(self, default: bool) -> bool:
        """`tie_word_embeddings`, here or in the enclosing multimodal config."""
        outer = self._outer.get("tie_word_embeddings")
        if isinstance(outer, bool) and not self.states("tie_word_embeddings"):
            return outer
        return self.flag("tie_word_embeddings", default)

    def _defaulted(self, keys: str | Sequence[str], default: T) -> T:
        """Note that the class's default stands in for a key."""
        self._defaults.setdefault(keys if isinstance(keys, str) else keys[0], default)
        return default


def check_size(parameters: int, pointer: str) -> None:
    """Refuse what no machine holds: every byte that follows stays far below 2^63."""
    if parameters > MAX_PARAMETERS:
        detail = f"These dimensions make {parameters:.1e} parameters; {MAX_PARAMETERS:.0e} is most."
        raise InvalidInput(FieldError(pointer, f"{detail} Use smaller ones."))


def _shown(value: object) -> str:
    """A value as a sentence can show it, never longer than a few words."""
    if isinstance(value, str):
        text = f'"{value}"'
    elif isinstance(value, bool) or value is None:
        text = {True: "true", False: "false", None: "null"}[value]
    elif isinstance(value, (dict, list)):
        text = "an object" if isinstance(value, dict) else "a list"
    elif isinstance(value, int) and abs(value) >= 10**30:
        text = "a number of more than thirty digits"
    else:
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"
