"""One stream of bytes in a step, with the equation that gives it and its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from app.domain.formulas.registry import readable
from app.domain.units import Integer

# Network and PCIe are counted per GPU, the others per node.
Route = Literal["network", "pcie_to_gpu", "pcie_to_host", "nvme_read", "nvme_write"]

_SYMBOL = re.compile(r"[A-Za-z_]\w*")


class Flow(NamedTuple):
    """Bytes that one optimizer step moves over one route: `equation` over `symbols`."""

    label: str
    route: Route
    bytes: Integer
    equation: str
    symbols: Mapping[str, Integer]
    source: str
    source_url: str

    @property
    def values(self) -> str:
        """The equation with this job's values in the place of its symbols."""

        def value(found: re.Match[str]) -> str:
            name = found.group()
            return readable(self.symbols[name]) if name in self.symbols else name

        return _SYMBOL.sub(value, self.equation)
