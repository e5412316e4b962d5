"""The engine's accuracy: all measured runs, one of them, and those that a visitor brings."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, UploadFile
from starlette.responses import Response

from app.domain.errors import InvalidInput
from app.domain.strategies import STRATEGIES
from app.domain.verdict import DERIVED_BAND_PERCENT
from app.http.dependencies import ServicesDep
from app.schemas.accuracy import Accuracy, RunAccuracy, RunComparison
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Preferences
from app.services.accuracy import Selection
from app.services.run_accuracy import peak_summary
from app.web import forms
from app.web.accuracy_charts import GROUPS, STRIP_REACH, scatter_of, strips_of
from app.web.accuracy_words import BAND_RULE, HELD_OUT
from app.web.answer import part_rows
from app.web.browsing import Column, headers_of, ordered
from app.web.fields import FIELDS
from app.web.rendering import is_fragment_request, render

router = APIRouter(prefix="/accuracy", include_in_schema=False)

METHOD_WORDS = {"full": "Full", "lora": "LoRA", "qlora": "QLoRA"}
WORST = 6


# Numbers start with the largest.
COLUMNS: tuple[Column[RunAccuracy], ...] = (
    Column("run", "Run", lambda run: run.id),
    Column("model", "Model", lambda run: (run.family, run.parameters)),
    Column("strategy", "Strategy", lambda run: list(STRATEGIES).index(run.strategy)),
    Column("tokens", "Tokens", lambda run: run.sequence_length * run.micro_batch_size, number=True),
    Column("gpus", "GPUs", lambda run: run.world_size, number=True),
    Column("predicted", "Predicted", lambda run: run.peak.predicted_bytes, number=True),
    Column("measured", "Measured", lambda run: run.peak.measured_bytes, number=True),
    Column("error", "Error", lambda run: abs(run.peak.error), number=True),
    Column("reserved", "Reserved", lambda run: abs(run.reserved.error or 0), number=True),
)
_DEFAULT_SORT = "error"


@router.get("")
def accuracy(
    request: Request,
    services: ServicesDep,
    strategy: str = "",
    family: str = "",
    method: str = "",
    campaign: str = "",
    trainer: str = "",
    near: str = "",
    sort: str = _DEFAULT_SORT,
) -> Response:
    """Every measured run beside its prediction; htmx gets the table alone.

    `near` names the runs that stand behind an estimate, with commas, to show no others.
    """
    whole = services.accuracy.whole
    chosen = Selection(strategy, family, method, campaign, trainer)
    runs = services.accuracy.like(chosen)
    if near:
        runs = [run for run in runs if run.id in near.split(",")]
    rows, known = ordered(COLUMNS, list(runs), sort)
    if not known:
        rows, sort = ordered(COLUMNS, list(runs), _DEFAULT_SORT)
    asked = {**chosen._asdict(), "near": near}
    context = _shared() | {
        "accuracy": whole,
        "rows": rows,
        "summary": peak_summary("chosen", "", runs) if runs else None,
        "chosen": chosen._asdict(),
        "choices": _choices(whole),
        "headers": list(headers_of(COLUMNS, sort, "/accuracy", asked, "runs")),
        "near": near,
        "sort": sort,
    }
    if is_fragment_request(request):
        return render(request, "accuracy/page.html", context, blocks=["rows"])
    context |= {
        "scatter": scatter_of(whole.runs),
        "strips": strips_of(whole.runs, whole.by_strategy),
        "worst": sorted(whole.runs, key=lambda run: -abs(run.peak.error))[:WORST],
        "by_id": {run.id: run for run in whole.runs},
    }
    return render(request, "accuracy/page.html", context)


@router.get("/runs.csv")
def runs_csv(services: ServicesDep) -> Response:
    """Every measured run as a table for a spreadsheet. Bytes; errors are shares."""
    text = io.StringIO()
    rows = [_flat(run) for run in services.accuracy.whole.runs]
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    headers = {"Content-Disposition": 'attachment; filename="shardplan-accuracy.csv"'}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)


@router.get("/runs/{run_id}")
def measured_run(request: Request, services: ServicesDep, run_id: str) -> Response:
    """One measured run: phases, the allocations at its predicted peak, and how to repeat it."""
    detail = services.accuracy.run(run_id)
    asked = EstimateRequest.model_validate(detail.request)
    plannable = asked.model.id is not None
    context = _shared() | {
        "accuracy": services.accuracy.whole,
        "detail": detail,
        "run": detail.run,
        "parts": part_rows(detail.components),
        "request_json": json.dumps(detail.request, indent=2),
        "planner": f"/?{forms.query(asked, Preferences())}" if plannable else "",
        "scale": _scale(detail.run),
    }
    return render(request, "accuracy/run.html", context)


@router.get("/comparisons")
def comparison_form(request: Request, services: ServicesDep) -> Response:
    """The form that takes results of the visitor's own runs."""
    return _comparison(request, services.accuracy.whole, None, "", ())


@router.post("/comparisons")
def compare(
    request: Request,
    services: ServicesDep,
    results: Annotated[str, Form()] = "",
    file: UploadFile | None = None,
) -> Response:
    """The engine's error on the visitor's own runs. Nothing of them is kept."""
    whole = services.accuracy.whole
    try:
        text = file.file.read().decode("utf-8-sig") if file and file.filename else results
        compared = services.runs.compare_lines(text)
    except UnicodeDecodeError:
        return _comparison(request, whole, None, results, ["The file is not text in UTF-8."])
    except InvalidInput as error:
        return _comparison(request, whole, None, results, [_told(*e) for e in error.errors])
    return _comparison(request, whole, compared, results, ())


def _comparison(
    request: Request,
    whole: Accuracy,
    compared: RunComparison | None,
    results: str,
    errors: Sequence[str],
) -> Response:
    context = _shared() | {"accuracy": whole, "results": results, "errors": errors}
    if compared is not None:
        context |= {
            "compared": compared,
            "scatter": scatter_of(compared.runs),
            "strips": strips_of(compared.runs, compared.by_strategy),
            "worst": sorted(compared.runs, key=lambda run: -abs(run.peak.error)),
        }
    return render(request, "accuracy/comparison.html", context, status=422 if errors else 200)


def _shared() -> dict[str, Any]:
    return {
        "titles": {strategy.id: strategy.title for strategy in STRATEGIES.values()},
        "methods": METHOD_WORDS,
        "loops": dict(FIELDS["training_loop"].choices),
        "groups": GROUPS,
        "reach": STRIP_REACH,
        "narrow": DERIVED_BAND_PERCENT,
        "band_rule": BAND_RULE,
        "held_out_words": HELD_OUT,
    }


def _told(pointer: str, detail: str) -> str:
    """An error with the line that it is in, the line as people count."""
    parts = pointer.strip("/").split("/")
    if parts[0] != "lines" or len(parts) == 1:
        return detail
    field = "/".join(parts[2:])
    return f"Line {parts[1]}{f', {field}' if field else ''}: {detail}"


def _choices(whole: Accuracy) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """The filters: name, label, and the values that some run has."""
    return [
        ("strategy", "Strategy", [(s.key, s.title) for s in whole.by_strategy]),
        ("family", "Model family", [(s.key, s.key) for s in whole.by_family]),
        ("method", "Method", [(s.key, METHOD_WORDS[s.key]) for s in whole.by_method]),
        ("campaign", "Campaign", [(s.key, s.key) for s in whole.by_campaign]),
        ("trainer", "Training loop", list(FIELDS["training_loop"].choices)),
    ]


def _scale(run: RunAccuracy) -> int:
    """What the phases' bars reach at most, in bytes."""
    sizes = [size for p in run.phases for size in (p.predicted_bytes, p.measured_bytes or 0)]
    return max(*sizes, run.peak.measured_highest_bytes, 1)


def _flat(run: RunAccuracy) -> dict[str, object]:
    plain: dict[str, object] = {
        name: getattr(run, name)
        for name in RunAccuracy.__slots__
        if name not in ("peak", "phases", "reserved", "versions", "known_gap")
    }
    plain |= {f"peak_{name}": getattr(run.peak, name) for name in type(run.peak).__slots__}
    for phase in run.phases:
        plain[f"{phase.phase}_predicted_bytes"] = phase.predicted_bytes
        plain[f"{phase.phase}_measured_bytes"] = phase.measured_bytes
        plain[f"{phase.phase}_error"] = phase.error
    plain |= {f"reserved_{n}": getattr(run.reserved, n) for n in type(run.reserved).__slots__}
    return plain
