"""The product's pages as its navigation names them: the first ones in the bar, the others below."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One page: its address, its name, and what one finds there."""

    href: str
    text: str
    hint: str = ""

    def leads_to(self, path: str) -> bool:
        """Whether a path is this page or one below it."""
        return path == self.href or (self.href != "/" and path.startswith(f"{self.href}/"))


FIRST = (
    Entry("/", "Planner"),
    Entry("/compare", "Compare"),
    Entry("/systems", "Find systems"),
    Entry("/plans", "Plans"),
    Entry("/accuracy", "Accuracy"),
)
MORE = (
    Entry("/bulk", "Many jobs", "A CSV of jobs in, a CSV of answers out"),
    Entry("/models", "Models", "Every model of the catalogue, with its parts"),
    Entry("/gpus", "GPUs", "Every card of the catalogue, with its sources"),
    Entry("/profiles", "Your profiles", "Models and systems you saved, export and import"),
    Entry("/frameworks", "Frameworks", "DDP, FSDP and DeepSpeed side by side"),
    Entry("/claims", "Claims", "Often quoted figures against the engine"),
    Entry("/formulas", "Formulas", "Every equation, with its source"),
    Entry("/guides", "Guides", "How to plan, quote and automate"),
)
