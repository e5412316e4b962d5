"""Rows that a test needs but is not about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.storage.plans import PlanContent
from app.storage.shares import ShareRow

NOW = datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=UTC)

_CONTENT = PlanContent(
    name="Llama on four GPUs",
    request='{"model":{"id":"m"}}',
    preferences="{}",
    job="{}",
    result='{"bytes": 1.50, "text":"ü\\u0000"}',
    configurations="{}",
    verdict="fits",
    headline="Fits",
    engine_version="1.0.0",
    catalog_version="2026.11",
)
_SHARE = ShareRow("sh_1", "pl_1", 1, "0" * 64, NOW, None, None, None)


def plan_content(**changes: Any) -> PlanContent:
    return replace(_CONTENT, **changes)


def share_row(**changes: Any) -> ShareRow:
    return replace(_SHARE, **changes)
