"""The files of the strategy that a reader looks at, one tab each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.guidance import Trainer
from app.domain.job import Job
from app.domain.strategies import STRATEGIES
from app.schemas.configurations import Configuration, Format
from app.schemas.estimates import EstimateResponse, StrategyEstimate
from app.services.configurations import configurations

FOLDER = "/configuration"
ALL_FILES = "shardplan.zip"

_TITLES: dict[Format, tuple[str, str]] = {
    "deepspeed_json": ("DeepSpeed JSON", "for DeepSpeed 0.19.8"),
    "accelerate_yaml": ("accelerate YAML", "for accelerate launch, 1.15"),
    "training_arguments_json": ("TrainingArguments", "for Transformers 5.17 and newer"),
    "launch_command": ("Launch command", "environment, launcher, and what your script contains"),
}


@dataclass(frozen=True)
class FileView:
    """One file as a tab shows it."""

    format: Format
    title: str
    filename: str
    caption: str
    content: str
    href: str


@dataclass(frozen=True)
class ConfigurationView:
    """All files of one strategy; `warning` where they run what does not fit."""

    title: str
    warning: str
    href: str
    files: tuple[FileView, ...]


def configuration_of(
    job: Job, estimate: EstimateResponse, strategy: str | None, trainer: Trainer, query: str
) -> ConfigurationView | None:
    """The files of the strategy that is shown; None where it has none.

    `query` brings back the job and that strategy.
    """
    found = next((e for e in estimate.estimates if e.strategy == strategy), None)
    if found is None or found.verdict == "unsupported":
        return None
    files = configurations(job, STRATEGIES[found.strategy], found.verdict, trainer)
    return configuration_view(found, files, FOLDER, query)


def configuration_view(
    estimate: StrategyEstimate, files: Sequence[Configuration], folder: str, query: str
) -> ConfigurationView | None:
    """Files under `folder`, each with `query` after its name; None where there are none."""
    if not files:
        return None
    over = estimate.verdict == "does_not_fit"
    return ConfigurationView(
        title=estimate.title,
        warning="It does not fit as it stands: these files are what was estimated." if over else "",
        href=f"{folder}/{ALL_FILES}?{query}",
        files=tuple(_view(file, folder, query) for file in files),
    )


def _view(file: Configuration, folder: str, query: str) -> FileView:
    title, caption = _TITLES[file.format]
    href = f"{folder}/{file.filename}?{query}"
    return FileView(file.format, title, file.filename, caption, file.content, href)
