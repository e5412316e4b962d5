"""Towers in the memory of a step: weights always, gradients and states where they are trained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.architecture import ModelSpec, Tensor, Tower
from app.domain.quantities import ModelQuantities, quantities_of
from app.domain.training import Lora, Method
from tests.jobs import toy_model as toy

TENSORS = (
    Tensor("model.vision_tower.conv.weight", (8, 3, 2, 2), "other"),
    Tensor("model.vision_tower.fc.weight", (16, 8), "linear"),
    Tensor("model.vision_tower.fc.bias", (16,), "bias"),
)
SIZE = 8 * 3 * 2 * 2 + 16 * 8 + 16


def spec(*, trained: bool) -> ModelSpec:
    return replace(toy(), towers=(Tower("vision tower", TENSORS, trained),))


def counted(model: ModelSpec, method: Method = "full") -> ModelQuantities:
    return quantities_of(model, method, Lora())


def test_a_tower_counts_whether_it_is_trained_or_not() -> None:
    alone = toy().total_parameters
    assert spec(trained=True).total_parameters == alone + SIZE
    assert spec(trained=False).total_parameters == alone + SIZE


def test_only_a_trained_tower_has_gradients_and_states() -> None:
    alone = counted(toy())
    trained, frozen = counted(spec(trained=True)), counted(spec(trained=False))
    assert trained.trained == alone.trained + SIZE
    assert trained.trained_tensors[1:4] == (96, 128, 16)
    assert frozen.trained == alone.trained
    assert frozen.trained_tensors == alone.trained_tensors


def test_a_tower_is_gathered_with_the_root() -> None:
    assert counted(spec(trained=False)).root == counted(toy()).root + SIZE
    assert counted(spec(trained=False)).root_trained == counted(toy()).root_trained
    assert counted(spec(trained=True)).root_trained == counted(toy()).root_trained + SIZE


@pytest.mark.parametrize(
    ("method", "trained", "cast_or_quantised"),
    [("full", True, 128), ("full", False, 0), ("qlora", False, 128)],
)
def test_linears_of_a_tower_are_cast_where_trained_and_quantised_under_qlora(
    method: Method, trained: bool, cast_or_quantised: int
) -> None:
    found = counted(spec(trained=trained), method).linear
    assert found == counted(toy(), method).linear + cast_or_quantised
