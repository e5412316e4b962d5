"""Names that people give to things."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

# Zl and Zp break lines; the bidirectional overrides (in Cf) can make a name read as another one.
_FORBIDDEN = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Fillers and the empty Braille cell: letters and symbols by category, nothing on the screen.
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def _is_visible(character: str) -> bool:
    return character not in _BLANK and unicodedata.category(character)[0] in "LNPS"


def _printable(value: str) -> str:
    for character in value:
        if character in _BIDIRECTIONAL or unicodedata.category(character) in _FORBIDDEN:
            raise ValueError(f"Remove the control character U+{ord(character):04X}")
    if not any(map(_is_visible, value)):
        raise ValueError("Use at least one character that can be seen")
    return value


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_printable),
    Field(description="1 to 200 characters on one line; surrounding spaces are removed."),
]


def _readable(value: str) -> str:
    lines = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    for character in lines:
        forbidden = unicodedata.category(character) in _FORBIDDEN and character not in "\n\t"
        if forbidden or character in _BIDIRECTIONAL:
            raise ValueError(f"Remove the control character U+{ord(character):04X}")
    return lines


Notes = Annotated[
    str,
    StringConstraints(max_length=2_000),
    AfterValidator(_readable),
    Field(description="Up to 2,000 characters on any number of lines."),
]
