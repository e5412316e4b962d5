"""What an estimate says of its training loop."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from app.domain.estimate import Evaluator
from app.domain.recipe import HF_TRAINER
from app.domain.strategies import STRATEGIES
from app.domain.training import Options
from app.schemas.estimates import EstimateRequest
from app.services.estimating import Estimator
from app.services.recipe_notes import LOADED_DTYPE, RecipeNotes
from tests.factories import Json
from tests.jobs import job, usage

ACCUMULATED: dict[str, Any] = {"gradient_accumulation_steps": 4}
BASE: Json = {
    "model": {"id": "meta-llama/Llama-3.1-8B"},
    "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 8},
}


def notes(strategy: str, model: str = "meta-llama/Llama-3.2-1B", **training: Any) -> list[str]:
    made = job(model, options=Options(recipe=HF_TRAINER), **training)
    return RecipeNotes(made).of(STRATEGIES[strategy], usage(made, strategy))


def test_a_plain_loop_is_not_spoken_of() -> None:
    for strategy in ("ddp", "fsdp2", "fsdp1", "zero3"):
        made = job(**ACCUMULATED)
        assert RecipeNotes(made).of(STRATEGIES[strategy], usage(made, strategy)) == []


@pytest.mark.parametrize("strategy", ["zero1", "zero2", "zero3", "zero3_offload"])
def test_nothing_is_said_where_trainer_changes_nothing(strategy: str) -> None:
    assert notes(strategy, **ACCUMULATED) == []


def test_deferred_reductions_are_told_with_their_bytes() -> None:
    """16-bit gradients of the whole model, where a plain loop keeps fp32 shards of an eighth."""
    model = "meta-llama/Llama-3.1-8B"
    made = job(model, options=Options(recipe=HF_TRAINER), **ACCUMULATED)
    recipe = replace(HF_TRAINER, defers_reduction=False)
    reduced = Evaluator(replace(made, options=Options(recipe=recipe))).usage(STRATEGIES["fsdp2"])
    more = usage(made, "fsdp2").peak - reduced.peak
    assert more > 10 * 2**30
    (note,) = (n for n in notes("fsdp2", model, **ACCUMULATED) if "micro-batch" in n)
    assert f"+{more / 2**30:.2f} GiB at the peak" in note
    assert not any("micro-batch" in n for n in notes("fsdp2", model))


def test_every_note_on_a_setting_has_its_bytes() -> None:
    found = [
        note
        for strategy in ("ddp", "fsdp2", "fsdp1")
        for model in ("meta-llama/Llama-3.2-1B", "meta-llama/Llama-3.1-8B")
        for training in (
            {},
            ACCUMULATED,
            {"method": "lora"},
            {"optimizer": "adamw_8bit"},
            {"activation_checkpointing": False},
        )
        for note in notes(strategy, model, **training)
        if note != LOADED_DTYPE
    ]
    assert len(set(found)) >= 15
    for note in found:
        assert re.fullmatch(r"Hugging Face Trainer: .+: [+−][\d.,]+ [GM]iB .+\.", note), note


def test_weights_that_load_in_bf16_are_told_where_nothing_upcasts_them() -> None:
    assert LOADED_DTYPE in notes("ddp")
    assert LOADED_DTYPE not in notes("fsdp2")
    assert LOADED_DTYPE not in notes("ddp", precision="bf16_pure")
    assert LOADED_DTYPE not in notes("ddp", method="lora")


@pytest.mark.parametrize("trainer", ["pytorch", "hf_trainer"])
def test_the_answer_says_which_loop_it_assumes(estimator: Estimator, trainer: str) -> None:
    request = EstimateRequest.model_validate({**BASE, "options": {"trainer": trainer}})
    answer = estimator.estimate(request)
    assert answer.trainer == trainer
    (fsdp2,) = (e for e in answer.estimates if e.strategy == "fsdp2")
    told = [note for note in fsdp2.notes if note.startswith("Hugging Face Trainer")]
    assert bool(told) == (trainer == "hf_trainer")


def test_a_plain_loop_is_assumed_unless_another_is_asked_for(estimator: Estimator) -> None:
    assert estimator.estimate(EstimateRequest.model_validate(BASE)).trainer == "pytorch"
