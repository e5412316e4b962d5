"""The line that comes out: a measured run, with the request that the product predicts it from."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from app.catalog.measured import Measured, MeasuredRun
from benchmarks.measure.cases import Plan

LIBRARIES = "torch transformers accelerate deepspeed peft bitsandbytes liger-kernel".split()
SIMULATED = "one GPU, other ranks simulated"


def measured_run(plan: Plan, measured: Measured, versions: dict[str, str]) -> MeasuredRun:
    """The run as the product reads it."""
    case = plan.case
    simulated = case.ranks == "simulated" and plan.world > 1
    return MeasuredRun(
        id=case.id,
        campaign=datetime.now(UTC).strftime("%Y-%m"),
        gpus=SIMULATED if simulated else "real",
        versions=versions,
        request=full_request(plan),
        measured=measured,
        trainer=case.trainer,
    )


def full_request(plan: Plan) -> dict[str, Any]:
    """The case's request with its defaults written out: they may change, what was run does not."""
    request = plan.request.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    request["training"] = plan.request.training.model_dump(mode="json")
    request["training"]["sequence_length"] = plan.job.training.sequence_length
    hardware = plan.request.hardware.model_dump(mode="json", exclude_none=True)
    request["hardware"] = hardware
    request["strategies"] = [plan.strategy.id]
    if plan.strategy.framework == "pytorch_fsdp":
        request.setdefault("options", {})["fsdp"] = {"reduce_dtype": plan.reduce_dtype}
    return request


def installed_versions() -> dict[str, str]:
    """The versions of the libraries that decide what is allocated."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
