"""A case that can be measured, for tests to change."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.measure.cases import Case, Plan, plan
from tests.factories import merged

GPU = "h200-141-sxm"
CASE: dict[str, Any] = {
    "id": "llama-fsdp2",
    "request": {
        "model": {"id": "meta-llama/Llama-3.2-1B"},
        "hardware": {"gpus_per_node": 8},
        "strategies": ["fsdp2"],
    },
}


def case_line(**changes: Any) -> str:
    return json.dumps(merged(CASE, changes))


def planned(**changes: Any) -> Plan:
    return plan(Case.model_validate(merged(CASE, changes)), GPU)
