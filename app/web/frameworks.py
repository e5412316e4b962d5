"""The frameworks side by side, common questions, and what cannot be planned yet."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.domain.guidance import LEVELS, RULES
from app.http.dependencies import ServicesDep
from app.services.framework_comparison import example_estimate
from app.services.listings import framework_list, strategy_list
from app.web.bars import GROUPS, chart_of
from app.web.rendering import render

router = APIRouter(prefix="/frameworks", include_in_schema=False)


@router.get("")
def frameworks_page(request: Request, services: ServicesDep) -> Response:
    """The comparison, with one job drawn under each strategy that stays on the GPU."""
    listed = framework_list()
    context = {
        "frameworks": listed.items,
        "titles": {strategy.id: strategy.title for strategy in strategy_list().items},
        "comparison": listed.comparison,
        "sources": {source.id: source for source in listed.comparison.sources},
        "levels": list({level.id: level for level in LEVELS.values()}.values()),
        "rules": RULES,
        "names": {framework.id: framework.title for framework in listed.items},
        "chart": chart_of(example_estimate(services.estimator)),
        "legend": GROUPS,
    }
    return render(request, "frameworks/page.html", context)
