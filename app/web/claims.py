"""Published claims: what was said, what each figure counts, and what the engine makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.http.dependencies import ServicesDep
from app.schemas.claims import Claim, ClaimSetting, ClaimTopic, Judgement
from app.schemas.estimates import EstimateRequest, EstimateResponse, Verdict
from app.schemas.planning import Preferences
from app.services.claims import JudgedClaims
from app.web import forms
from app.web.bars import GROUPS, Chart, chart_of
from app.web.rendering import render

router = APIRouter(prefix="/claims", include_in_schema=False)

# The badge of a judgement has the verdict's colour and icon, and its own word.
JUDGEMENTS: dict[Judgement, tuple[Verdict, str]] = {
    "holds": ("fits", "Holds"),
    "holds_with_conditions": ("tight", "Holds with conditions"),
    "does_not_hold": ("does_not_fit", "Does not hold"),
    "not_comparable": ("unsupported", "Not comparable"),
}
# The topic whose claims are lines of one table: weights and optimizer memory.
TABLE_TOPIC = "vendor-table"
TABLE_COLUMNS = 2
ANSWERS: dict[str, tuple[Verdict, str]] = {
    "yes": ("fits", "Claim true"),
    "partly": ("tight", "At the limit"),
    "no": ("does_not_fit", "Claim false"),
    "not_asked": ("unsupported", "Beside the claim"),
}


@dataclass(frozen=True)
class SettingRow:
    """A setting with its drawing; `href` opens it in the planner where that can take the model."""

    setting: ClaimSetting
    verdict: Verdict
    word: str
    chart: Chart
    href: str | None

    @property
    def lowest(self) -> int:
        """The peak in bytes of the leanest strategy that is possible."""
        return min(line.total_bytes for line in self.chart.rows if line.total_bytes is not None)


@dataclass(frozen=True)
class ClaimRow:
    """A claim with its settings; `overview` where it is a line of a published table."""

    claim: Claim
    verdict: Verdict
    word: str
    settings: tuple[SettingRow, ...]

    @property
    def overview(self) -> bool:
        claim = self.claim
        return (
            len(claim.figures) == TABLE_COLUMNS
            and claim.topic == TABLE_TOPIC
            and all(setting.setting.reference_request is None for setting in self.settings)
        )


@router.get("")
def claims_page(request: Request, services: ServicesDep) -> Response:
    """Every claim, by topic."""
    document = services.claims.document
    rows = {claim.id: _row(claim, services.claims) for claim in document.items}
    topics: list[tuple[ClaimTopic, list[ClaimRow]]] = [
        (topic, [rows[id_] for id_ in topic.claims]) for topic in document.topics
    ]
    judged = [claim.judgement for claim in document.items]
    tally = [(*JUDGEMENTS[word], judged.count(word)) for word in JUDGEMENTS]
    context = {"topics": topics, "tally": tally, "legend": GROUPS, "document": document}
    return render(request, "claims/page.html", context)


def _row(claim: Claim, judged: JudgedClaims) -> ClaimRow:
    settings = tuple(
        _setting(setting, judged.responses[claim.id, place])
        for place, setting in enumerate(claim.settings)
    )
    return ClaimRow(claim, *JUDGEMENTS[claim.judgement], settings)


def _setting(setting: ClaimSetting, response: EstimateResponse) -> SettingRow:
    request = EstimateRequest.model_validate(setting.request)
    plannable = request.model.id is not None and request.hardware.usable_memory_bytes is None
    href = f"/?{forms.query(request, Preferences())}" if plannable else None
    chart = chart_of(response, full_scale=True, fsdp1=True)
    return SettingRow(setting, *ANSWERS[setting.answer], chart, href)
