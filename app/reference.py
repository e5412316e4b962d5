"""`python -m app.reference`: writes docs/formulas and the note on other calculators."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.catalog import load_catalog
from app.domain.units import GIB
from app.schemas.formulas import FormulaList
from app.services.formula_reference import formula_reference
from app.services.left_out import LeftOut, left_out
from app.web.formulas import PHASES, Entry, Section, overhead_rows, sections
from app.web.numbers import MINUS, percent, signed_percent

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTE = "notes/what-other-calculators-leave-out.md"
_TEXTS = ("Strategies", "Part", "Moment", "What that is", "Run")
_WRITTEN = "<!-- Written by `make docs` from the code: edit the formulas, not this file. -->"


def documents() -> dict[str, str]:
    """Every generated document by its path under docs/."""
    catalog = load_catalog()
    reference, groups = formula_reference(catalog), sections(catalog)
    pages = {f"formulas/{section.group}.md": _lines(_group(section)) for section in groups}
    return {
        "formulas/README.md": _lines(_index(reference, groups)),
        **pages,
        NOTE: _lines(_note(left_out(catalog))),
    }


def write(folder: Path) -> None:
    """Writes the documents; what is left of formulas that are gone is removed."""
    shutil.rmtree(folder / "formulas", ignore_errors=True)
    for name, text in documents().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _index(reference: FormulaList, groups: Iterable[Section]) -> Iterator[str]:
    yield "# How it is calculated"
    yield f"\n{_WRITTEN}\n"
    yield (
        f"A prediction is a sum of these {len(reference.items)} formulas. Each is an allocation of "
        "so many bytes on one GPU; a moment of a step adds up what is alive in it, and the highest "
        "moment is the peak. `/formulas` shows the same, and `GET /api/v1/formulas` gives it to "
        f"programs. [What other calculators leave out](../{NOTE}) puts it beside the rule of thumb."
    )
    yield (
        "\nEvidence: *derived* from the code or paper that is named, *fitted* to measured runs, or "
        f"*assumed*; and how many of the {reference.measured_runs} measured runs contain the "
        f"allocation. Examples with values: {reference.base_job}, unless they say otherwise."
    )
    for section in groups:
        yield f"\n## [{section.title}]({section.group}.md)\n"
        for entry in section.entries:
            item = entry.formula
            yield f"- [{item.name}]({section.group}.md#{item.id}): `{item.equation}`"
    yield "\n## Around the allocator\n"
    yield f"{reference.overhead_basis}\n"
    yield from (f"- {text}" for text in reference.reserved)
    yield "\nMiB of one process:\n"
    yield from _table(
        ("Strategies", "CUDA context", "Kernels and libraries", "NCCL, two ranks", "Host memory"),
        (
            (row.strategies, *(f"{amount:,}" for amount in row.mebibytes))
            for row in overhead_rows(reference)
        ),
    )


def _group(section: Section) -> Iterator[str]:
    yield f"# {section.title}"
    yield f"\n{_WRITTEN}"
    for entry in section.entries:
        yield from _entry(entry)


def _entry(entry: Entry) -> Iterator[str]:
    item = entry.formula
    yield f'\n<a id="{item.id}"></a>\n\n## {item.name}\n'
    yield f"{item.description}\n"
    yield f"    {item.equation}\n"
    yield "- Unit: bytes per GPU. " + "; ".join(f"`{s.name}` {s.meaning}" for s in item.symbols)
    if item.example is not None:
        yield (
            f"- Example: `{item.example.values}` = {item.example.bytes:,} bytes. {entry.example}"
        )
    for place in entry.places:
        yield f"- {place.framework} ({place.strategies}): {place.phases}"
    source = f"[{item.source}]({item.source_url})" if item.source_url else item.source
    yield f"- Source: {source}"
    yield f"- Evidence: {entry.evidence[0].lower()}{entry.evidence[1:]}"


def _note(note: LeftOut) -> Iterator[str]:
    yield "# What other calculators leave out"
    yield f"\n{_WRITTEN}\n"
    yield note.rule
    yield f"\n## From the rule to what nvidia-smi shows\n\nGiB per GPU. {note.job}.\n"
    rows = [
        (
            _bold(row.label, bold=row.is_total),
            *(_bold(_gib(a) if a else "–", bold=row.is_total) for a in row.amounts),
        )
        for row in note.bridge
    ]
    yield from _table(("Part", *note.variants), [*rows, ("Where the peak is", *note.peaks)])
    yield f"\n{note.bridge_remark}"
    yield f"\n## Moment by moment\n\nGiB per GPU, {note.variants[1].lower()}.\n"
    yield from _table(
        ("Moment", "Allocated", "Not in the rule", "What that is"),
        (
            (
                f"{PHASES[row.phase].capitalize()}, {row.moment}",
                _gib(row.allocated),
                _gib(row.left_out),
                "; ".join(f"{part.label} {_gib(part.bytes)}" for part in row.parts),
            )
            for row in note.moments
        ),
    )
    yield f"\n{note.moments_remark}"
    yield "\n## Held against measured runs\n"
    yield "Peak in GiB per GPU, and by how much the rule and this engine miss it.\n"
    runs = [
        (
            f"{run.job} (`{run.id}`)",
            _gib(run.measured),
            _gib(run.rule),
            signed_percent(run.rule_error),
            _gib(run.predicted),
            signed_percent(run.error),
        )
        for run in note.runs
    ]
    mean = ("**Mean of what is missed**", "", "", percent(note.rule_error), "", percent(note.error))
    heads = ("Run", "Measured", "Rule", "Missed by", "Engine", "Missed by")
    yield from _table(heads, [*runs, mean])


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"| {' | '.join('---' if head in _TEXTS else '---:' for head in heads)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _bold(text: str, *, bold: bool) -> str:
    return f"**{text}**" if bold else text


def _gib(count: int) -> str:
    """Two decimals: a document has room for what a page rounds away."""
    return f"{count / GIB:,.2f}".replace("-", MINUS)


if __name__ == "__main__":
    write(DOCS)
