"""A case: the estimate request that is to be measured, and how."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.catalog import Catalog, load_catalog
from app.domain.errors import FieldError, InvalidInput
from app.domain.job import Job
from app.domain.recipe import Trainer
from app.domain.strategies import Strategy
from app.domain.training import ReduceDtype
from app.schemas.estimates import EstimateRequest
from app.services.json_lines import each, numbered_lines, read_document, validated
from app.services.measurements import check_one_job
from app.services.no_profiles import NoProfiles
from app.services.pointers import moved_pointers
from app.services.resolving import Resolver, chosen_strategies

Ranks = Literal["simulated", "real"]


class Case(BaseModel):
    """One line of a file of cases.

    `request` is the body of `POST /api/v1/estimates` with exactly one strategy; its GPU may be left
    out, since the one that is present is measured. `trainer` is the loop that runs the step; the
    request's `options.trainer` follows from it.
    `ranks`: with `simulated`, one process stands for all of them; with `real`, torchrun starts one
    process per GPU. `gpu_gib` is set aside while other cases run on the same GPU.
    `training_arguments` go to Hugging Face's TrainingArguments as they are.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    id: Annotated[str, Field(pattern=r"^[\w.-]{1,100}$")]
    request: dict[str, Any]
    trainer: Trainer = "pytorch"
    ranks: Ranks = "simulated"
    steps: Annotated[int, Field(strict=True, ge=2, le=50)] = 3
    gpu_gib: Annotated[float, Field(gt=0)] = 20
    training_arguments: dict[str, Any] = {}


@dataclass(frozen=True)
class Plan:
    """A case with what follows from it: the job, its strategy, the model's config.json."""

    case: Case
    request: EstimateRequest
    job: Job
    strategy: Strategy
    config: dict[str, Any]

    @property
    def world(self) -> int:
        """How many ranks train together."""
        return int(self.job.hardware.world_size)

    @property
    def reduce_dtype(self) -> ReduceDtype:
        """What FSDP reduces gradients in; accelerate takes the compute dtype."""
        options = self.job.options
        return "bf16" if options.recipe.reduces_in_half else options.fsdp_reduce_dtype


def read_cases(text: str) -> list[Case]:
    """The cases of a JSON Lines text.

    Raises:
        InvalidInput: bad lines; each field under `/lines/<number>`.
    """
    return each(numbered_lines(text), lambda line: validated(Case, read_document(line)))


def plan(case: Case, gpu: str) -> Plan:
    """What running a case on a GPU of the catalogue means.

    Raises:
        InvalidInput: the request has no answer, or cannot be measured; pointers into the case.
    """
    catalog = load_catalog()
    resolver = Resolver(catalog, NoProfiles())
    document = copy.deepcopy(case.request)
    document.setdefault("hardware", {})["gpu"] = gpu
    if case.trainer != "pytorch":
        document.setdefault("options", {}).setdefault("trainer", case.trainer)
    with moved_pointers({"": "/request"}):
        request = validated(EstimateRequest, document)
        check_one_job(request, resolver)
    (strategy,) = chosen_strategies(request.strategies)
    made = Plan(case, request, resolver.job(request), strategy, _config(request, catalog))
    _check_measurable(made)
    return made


def _config(request: EstimateRequest, catalog: Catalog) -> dict[str, Any]:
    if request.model.id is not None:
        return dict(catalog.model(request.model.id).config)
    return dict(request.model.config or {})


def _check_measurable(made: Plan) -> None:
    if "nvme" in (made.strategy.optimizer_on, made.strategy.parameters_on):
        detail = "NVMe offload cannot be measured yet: there is no place for its files here."
        raise InvalidInput(FieldError("/request/strategies/0", detail))
    if made.job.options.trainer != made.case.trainer:
        detail = f"The case's trainer is {made.case.trainer}: leave this out, or say the same."
        raise InvalidInput(FieldError("/request/options/trainer", detail))
    asked = made.request.options.fsdp
    if "reduce_dtype" in asked.model_fields_set and asked.reduce_dtype != made.reduce_dtype:
        detail = "accelerate reduces gradients in the compute dtype: leave this out, or say bf16."
        raise InvalidInput(FieldError("/request/options/fsdp/reduce_dtype", detail))
