"""What a customer gets of a job: one content for the PDF, the CSV and the JSON file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import InvalidInput
from app.services.container import Services
from app.web.answer import Answer, answer_of
from app.web.forms import View
from app.web.numbers import dollars, gib, integer
from app.web.scenario import EXPANDABLE, hardware_price, launched_expandable
from app.web.sheet import Sheet

DAY = "%-d %B %Y"
MOMENT = "%-d %b %Y, %H:%M UTC"


@dataclass(frozen=True)
class Report:
    """A job with its answer, in words. `files` names what else is behind the link."""

    sheet: Sheet
    answer: Answer
    made: datetime
    kind: str
    job: tuple[tuple[str, str], ...]
    command: str
    assumptions: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]
    footer: str
    link: str

    @property
    def filename(self) -> str:
        """A name that every file system takes, without its ending."""
        words = re.sub(r"[^A-Za-z0-9]+", "-", self.sheet.title).strip("-").lower()
        return f"shardplan-{words[:60].strip('-')}".rstrip("-")


def report_of(
    services: Services, sheet: Sheet, now: datetime, link: str, expires_at: datetime | None = None
) -> Report:
    """The report on a sheet; `link` leads back to it. Stored numbers stay as they are."""
    strategy = None if sheet.estimate is None else sheet.estimate.strategy
    made = now if sheet.stored is None else sheet.stored.computed
    how = "computed" if sheet.stored is None else "stored"
    estimate = sheet.result.estimate
    plan = sheet.stored
    name = "" if plan is None else f" plan {plan.id}, version {plan.version}"
    answer = answer_of(sheet.result, View(strategy=strategy), lambda _patch: None)
    return Report(
        sheet=sheet,
        answer=answer,
        made=made,
        kind=f"Memory plan, {how} {made:{MOMENT}}",
        job=tuple(_job(sheet)),
        command=_command(services, sheet),
        assumptions=tuple(_assumptions(sheet, answer)),
        provenance=tuple(_provenance(sheet, made, expires_at)),
        footer=(
            f"Shardplan{name}. Engine {estimate.engine_version}, catalogue "
            f"{estimate.catalog_version}. Estimates, not guarantees. 1 GiB = 2^30 bytes."
        ),
        link=link,
    )


def _job(sheet: Sheet) -> Iterator[tuple[str, str]]:
    estimate = sheet.result.estimate
    yield from sheet.scenario.facts
    yield "Parameters", integer(estimate.model.total_parameters)
    if estimate.model.trainable_parameters != estimate.model.total_parameters:
        yield "Trained", integer(estimate.model.trainable_parameters)
    capacity = estimate.capacity
    yield "Usable per GPU", f"{gib(capacity.usable_bytes)} of {gib(capacity.device_bytes)} GiB"
    if sheet.estimate is not None and sheet.estimate.max_micro_batch_size:
        yield "Largest micro-batch", integer(sheet.estimate.max_micro_batch_size)
    label, price = hardware_price(sheet.machine)
    yield label, dollars(*price) if price else "No public price"


def _command(services: Services, sheet: Sheet) -> str:
    """How to start the training; nothing where it does not run, or its profile is gone."""
    if sheet.estimate is None or sheet.estimate.verdict not in ("fits", "tight"):
        return ""
    try:
        files = services.configurer.configure(
            sheet.request, sheet.estimate.strategy, sheet.preferences.trainer
        ).configs
    except InvalidInput:
        return ""
    scripts = [file.content for file in files if file.format == "launch_command"]
    return _without_comments(scripts[0]) if scripts else ""


def _without_comments(script: str) -> str:
    lines = (line.rstrip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("#"))


def _assumptions(sheet: Sheet, answer: Answer) -> Iterator[str]:
    """What has to hold for the figures: the measured range, then notes that no advice gives."""
    estimate = sheet.estimate
    told = () if answer.advice is None else [said.text for said in answer.advice.reasons]
    yield "Memory only: training speed is not predicted."
    if estimate is not None:
        yield from estimate.evidence.outside
        yield from (note for note in estimate.notes if note not in told)
        if launched_expandable(estimate, sheet.request):
            yield EXPANDABLE
    if sheet.machine.price_cents is None:
        yield "Prices are indicative and of the cards alone: no server, network, power or tax."


def _provenance(
    sheet: Sheet, made: datetime, expires_at: datetime | None
) -> Iterator[tuple[str, str]]:
    estimate = sheet.result.estimate
    yield "Engine", estimate.engine_version
    yield "Catalogue", estimate.catalog_version
    yield "Computed", f"{made:{MOMENT}}"
    if sheet.stored is not None:
        yield "Plan", f"{sheet.stored.id}, version {sheet.stored.version}"
    if expires_at is not None:
        yield "Link expires", f"{expires_at:{DAY}}"
