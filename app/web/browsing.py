"""A catalogue to browse: searched, filtered and sorted by its address alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

Row = TypeVar("Row")
MAX_SEARCH = 200


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of the table; one with a `key` can be sorted by, numbers from the largest down.

    Rows without a value come last in both directions.
    """

    name: str
    title: str
    key: Callable[[Row], Any] | None = None
    number: bool = False
    hidden: bool = False


@dataclass(frozen=True)
class Filter(Generic[Row]):
    """A menu that leaves out rows: its choices as (value, text), and which rows a value keeps."""

    name: str
    label: str
    choices: Sequence[tuple[str, str]]
    keeps: Callable[[Row, str], bool]

    def chosen(self, query: Mapping[str, str]) -> str:
        """The value that the address asks for; "", all rows, where it is none of the choices."""
        value = query.get(self.name, "")
        return value if value in dict(self.choices) else ""


@dataclass(frozen=True)
class Header:
    """A column's title, the address that sorts by it, and how it is sorted now."""

    name: str
    title: str
    number: bool
    hidden: bool
    href: str = ""
    sorted: str = ""


@dataclass(frozen=True)
class Shown(Generic[Row]):
    """What the address asks to see of a catalogue."""

    q: str
    rows: list[Row]
    chosen: dict[str, str]
    sort: str
    headers: list[Header]

    @property
    def narrowed(self) -> bool:
        """Whether a search or a filter leaves rows out."""
        return bool(self.q.strip() or any(self.chosen.values()))


@dataclass(frozen=True)
class Browser(Generic[Row]):
    """A catalogue's page at `path`: how it is searched, filtered and sorted."""

    path: str
    columns: Sequence[Column[Row]]
    filters: Sequence[Filter[Row]]

    def show(self, search: Callable[[str], list[Row]], query: Mapping[str, str]) -> Shown[Row]:
        """The rows that the query asks for, in its order."""
        q = query.get("q", "")[:MAX_SEARCH]
        chosen = {each.name: each.chosen(query) for each in self.filters}
        rows = [
            row
            for row in search(q)
            if all(each.keeps(row, chosen[each.name]) for each in self.filters if chosen[each.name])
        ]
        asked = query.get("sort", "")
        rows, sort = ordered(self.columns, rows, asked)
        kept = {"q": q, **chosen}
        headers = list(headers_of(self.columns, sort, self.path, kept, "results"))
        return Shown(q, rows, chosen, sort, headers)


def ordered(columns: Sequence[Column[Row]], rows: list[Row], sort: str) -> tuple[list[Row], str]:
    """Rows by a column's name, and that name, "" where no column has it.

    "-" before the name turns the column's own direction around.
    """
    column = next((c for c in columns if c.name == sort.lstrip("-")), None)
    if column is None or column.key is None:
        return rows, ""
    return _sorted(rows, column.key, down=column.number != sort.startswith("-")), sort


def headers_of(
    columns: Sequence[Column[Row]], sort: str, path: str, asked: Mapping[str, str], anchor: str
) -> Iterator[Header]:
    """The columns' titles with the address that sorts by them, and how they are sorted now.

    The address keeps what else is `asked`.
    """
    kept = [(name, value) for name, value in asked.items() if value]
    for column in columns:
        plain = Header(column.name, column.title, column.number, column.hidden)
        if column.key is None:
            yield plain
            continue
        current, turned = sort.lstrip("-") == column.name, sort.startswith("-")
        following = f"-{column.name}" if current and not turned else column.name
        down = column.number != turned
        yield replace(
            plain,
            href=f"{path}?{urlencode([*kept, ('sort', following)])}#{anchor}",
            sorted=("descending" if down else "ascending") if current else "",
        )


def _sorted(rows: Sequence[Row], key: Callable[[Row], Any], *, down: bool) -> list[Row]:
    known = [row for row in rows if key(row) is not None]
    unknown = [row for row in rows if key(row) is None]
    return sorted(known, key=key, reverse=down) + unknown
