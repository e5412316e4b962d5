from __future__ import annotations

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.services.configurations.text import json_text, yaml_text

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True).filter(
    lambda name: name not in {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
)
WORDS = st.sampled_from(["no", "on", "true", "null", "1e5", "bf16", "path/to/model", "a: b", "- c"])
PLAIN = st.booleans() | st.integers() | WORDS | st.text(st.characters(exclude_categories=["C"]))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def settings(values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """Values by name, and mappings of them by name."""
    inner = st.dictionaries(NAMES, values, min_size=1, max_size=4)
    return st.dictionaries(NAMES, values | inner, min_size=1, max_size=4)


@given(settings(PLAIN | NUMBERS))
def test_json_is_read_back_as_it_was(wanted: dict[str, object]) -> None:
    assert json.loads(json_text(wanted)) == wanted  # type: ignore[arg-type]


@given(settings(PLAIN))
def test_yaml_is_read_back_as_it_was(wanted: dict[str, object]) -> None:
    assert yaml.safe_load(yaml_text(wanted)) == wanted  # type: ignore[arg-type]


def test_a_short_object_stands_on_the_line_of_its_key() -> None:
    assert json_text({"bf16": {"enabled": True}, "steps": 1}) == (
        '{\n  "bf16": { "enabled": true },\n  "steps": 1\n}\n'
    )
