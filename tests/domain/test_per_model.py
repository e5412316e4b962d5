"""Answers are kept with the model that they are about, and no longer."""

from __future__ import annotations

import gc
import weakref

from app.domain.per_model import KEPT, per_model
from app.domain.quantities import quantities_of
from app.domain.training import Lora
from tests.jobs import toy_model


class Model:
    """Something with a dictionary of its own."""


def test_an_answer_is_computed_once_for_each_model_and_argument() -> None:
    asked: list[tuple[Model, int]] = []

    @per_model
    def double(model: Model, number: int) -> int:
        asked.append((model, number))
        return 2 * number

    first, second = Model(), Model()
    assert [double(first, 1), double(first, 1), double(second, 1), double(first, 2)] == [2, 2, 2, 4]
    assert asked == [(first, 1), (second, 1), (first, 2)]


def test_a_model_keeps_a_bounded_number_of_answers() -> None:
    asked: list[int] = []

    @per_model
    def same(model: Model, number: int) -> int:
        asked.append(number)
        return number

    model = Model()
    for number in range(3 * KEPT):
        assert same(model, number) == number
    assert len(vars(model)["_per_model"]) <= KEPT


def test_a_models_quantities_go_with_it() -> None:
    spec = toy_model()
    assert quantities_of(spec, "full", Lora()) is quantities_of(spec, "full", Lora())
    gone = weakref.ref(spec)
    del spec
    gc.collect()
    assert gone() is None
