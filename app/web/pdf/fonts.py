"""Which fonts show a text: those installed from packages, then the system's, by what they hold.

Fonts are optional like all local copies. Without any, PDF's own Helvetica is used and what it
cannot show is replaced: `Typefaces.missing` says so on the page.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError

from app.http.static import STATIC_FOLDER

FOLDER = STATIC_FOLDER / "vendor" / "pdf"
MAIN = "inter"
SYSTEM_FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("/Library/Fonts"),
    Path("/System/Library/Fonts/Supplemental"),
    Path("C:/Windows/Fonts"),
)
# System fonts worth opening, the plainest first.
SYSTEM_FONTS = (
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    ("Arial Unicode.ttf", "Arial Unicode.ttf"),
    ("arial.ttf", "arialbd.ttf"),
    ("DroidSansFallbackFull.ttf", "DroidSansFallbackFull.ttf"),
    ("NotoSansSymbols2-Regular.ttf", "NotoSansSymbols2-Regular.ttf"),
    ("Symbola.ttf", "Symbola.ttf"),
)
# Which of the East Asian faces comes first: the letters that only one language writes decide.
_TELLING = (("noto-sans-jp", "HIRAGANA", "KATAKANA"), ("noto-sans-kr", "HANGUL", "HANGUL"))
_EAST_ASIAN = ("noto-sans-sc", "noto-sans-jp", "noto-sans-kr")
_JOINED = ("ARABIC", "DEVANAGARI", "HEBREW", "THAI")


@dataclass(frozen=True)
class Face:
    """One font in two weights with the characters that it holds."""

    name: str
    package: str
    regular: Path
    bold: Path
    holds: frozenset[int]


@dataclass(frozen=True)
class Typefaces:
    """The faces that show a text, the page's own first; `missing` is what none of them has.

    `shaped`: the text has scripts whose letters join or run from right to left.
    """

    faces: tuple[Face, ...]
    missing: frozenset[str]
    shaped: bool


def typefaces(text: str) -> Typefaces:
    """The faces for everything that a document says. Never fails: see the module's docstring."""
    needed = {ord(sign) for sign in text if not unicodedata.category(sign).startswith("C")}
    chosen: list[Face] = []
    for face in _in_order(text):
        # The page's own face is there for what we say, whoever the customer is.
        held = needed & face.holds
        if held and face.package != "system":
            held &= _table(face.regular)  # an index names a few letters that its file lacks
        if held or not chosen:
            chosen.append(face)
            needed -= held
        if not needed:
            break
    if not chosen:
        needed = {code for code in needed if not _in_helvetica(chr(code))}
    shaped = any(unicodedata.name(sign, "").startswith(_JOINED) for sign in set(text))
    return Typefaces(tuple(chosen), frozenset(map(chr, needed)), shaped)


def _in_helvetica(sign: str) -> bool:
    try:
        sign.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _in_order(text: str) -> Iterator[Face]:
    packaged = list(_packaged())
    names = {unicodedata.name(sign, "").split(" ", 1)[0] for sign in set(text)}
    first = {package for package, *scripts in _TELLING if names & set(scripts)}
    yield from sorted(packaged, key=lambda face: (face.package != MAIN, face.package not in first))
    yield from _system()


@cache
def _packaged() -> tuple[Face, ...]:
    """The slices of the installed font packages, by what their own index says they hold."""
    found: list[Face] = []
    packages = sorted(FOLDER.glob("*/unicode.json"), key=lambda file: _rank(file.parent.name))
    for index in packages:
        package = index.parent.name
        slices = json.loads(index.read_text())
        for name in sorted(slices, key=lambda name: name != "latin"):
            stem = f"{package}-{name.strip('[]')}"
            regular = index.parent / f"{stem}-400-normal.woff2"
            bold = index.parent / f"{stem}-600-normal.woff2"
            if regular.is_file() and bold.is_file():
                holds = frozenset(_codes(slices[name].split(",")))
                found.append(Face(stem, package, regular, bold, holds))
    return tuple(found)


def _rank(package: str) -> tuple[bool, int]:
    """The page's face, then scripts of their own, Simplified Chinese before its neighbours."""
    return (package != MAIN, _EAST_ASIAN.index(package) if package in _EAST_ASIAN else -1)


def _codes(ranges: Iterable[str]) -> Iterator[int]:
    """The code points of CSS ranges: "U+0000-00FF", "U+20AC"."""
    for text in ranges:
        first, _, last = text.strip().removeprefix("U+").partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


@cache
def _table(file: Path) -> frozenset[int]:
    """The code points that a font file has glyphs for; none where it cannot be read."""
    try:
        with TTFont(file, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())
    except (OSError, TTLibError):
        return frozenset()


@cache
def _system() -> tuple[Face, ...]:
    """The system's fonts among `SYSTEM_FONTS`, by what their tables hold."""
    files = {
        file.name: file
        for folder in SYSTEM_FOLDERS
        if folder.is_dir()
        for file in folder.rglob("*.[to]tf")
    }
    found = []
    for regular, bold in SYSTEM_FONTS:
        if regular in files:
            heavy = files.get(bold, files[regular])
            holds = _table(files[regular])
            found.append(Face(regular, "system", files[regular], heavy, holds))
    return tuple(found)
