"""The grid as it was written, for tests that know the frameworks and not the product."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "build" / "conformance"


@dataclass(frozen=True)
class Case:
    """One job under one strategy: its folder, and what it was estimated for."""

    folder: Path

    @cached_property
    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "facts.json").read_text())
        return found

    @property
    def strategy(self) -> dict[str, Any]:
        found: dict[str, Any] = self.facts["strategy"]
        return found

    @property
    def training(self) -> dict[str, Any]:
        found: dict[str, Any] = self.facts["training"]
        return found

    def path(self, format: str) -> Path:  # noqa: A002
        """Where the file of a format lies."""
        return self.folder / str(self.facts["files"][format])

    @property
    def _launch(self) -> list[str]:
        return self.path("launch_command").read_text().splitlines()

    @property
    def command(self) -> list[str]:
        """The launch as words, with its variables as a first node has them."""
        script = [line for line in self._launch if not line.startswith(("#", "export", "set "))]
        words = shlex.split("\n".join(script).replace("\\\n", " "))
        given = {"$NODE_RANK": "0", "$MASTER_ADDR": "127.0.0.1"}
        return [given.get(word, word) for word in words]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the launch exports."""
        exports = (line.removeprefix("export ") for line in self._launch if "export " in line)
        return dict(line.split("=", 1) for line in exports)

    @property
    def script(self) -> list[str]:
        """The statements that the launch expects of the training script."""
        return [line.removeprefix("#   ") for line in self._launch if line.startswith("#   ")]


def cases(*frameworks: str, format: str = "launch_command") -> list[Case]:  # noqa: A002
    """Every case of the frameworks (of all, where none is named) that has a file of the format."""
    found = [Case(folder) for folder in sorted((FOLDER / "cases").iterdir())]
    return [
        case
        for case in found
        if (not frameworks or case.strategy["framework"] in frameworks)
        and format in case.facts["files"]
    ]


def name(case: Case) -> str:
    """What pytest calls a case."""
    return case.folder.name
