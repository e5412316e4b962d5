"""A job as calls of the API, ready to copy: what it needs, and what to choose."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Preferences


@dataclass(frozen=True)
class Call:
    """One call with its curl command and the same in Python; `name` is its id on the page."""

    name: str
    title: str
    caption: str
    curl: str
    python: str


def calls_of(request: EstimateRequest, preferences: Preferences, base: str) -> tuple[Call, ...]:
    """The calls that answer what the planner answers. `base` is this server's own address."""
    job = request.model_dump(mode="json", exclude_defaults=True)
    wishes = preferences.model_dump(mode="json", exclude_defaults=True)
    whole = {**job, "preferences": wishes} if wishes else job
    return (
        _call("recommendation", "Recommendation", "Verdict, reasons, changes that make it fit",
              f"{base}/api/v1/recommendations", whole),
        _call("estimate", "Estimate", "Every strategy’s bytes, phase by phase, with their sources",
              f"{base}/api/v1/estimates", job),
    )  # fmt: skip


def _call(name: str, title: str, caption: str, url: str, body: dict[str, Any]) -> Call:
    text = json.dumps(body, indent=2, ensure_ascii=False)
    # Inside single quotes a shell reads everything but a single quote as it is.
    quoted = text.replace("'", "'\\''")
    curl = (
        f"curl --silent {url} \\\n"
        "  --header 'Content-Type: application/json' \\\n"
        f"  --data '{quoted}'"
    )
    python = (
        "import json\n\nimport httpx\n\n"
        f'job = json.loads(r"""\n{text}\n""")\n'
        f'answer = httpx.post("{url}", json=job).raise_for_status().json()'
    )
    return Call(name, title, caption, curl, python)
