from __future__ import annotations

from typing import Any, get_args

import pytest

from app.domain.training import Training
from app.schemas.planning import Preferences
from app.web.fields import FIELDS, choice_word
from app.web.forms import PARAMS


def literals(kind: Any) -> dict[str, tuple[str, ...]]:
    from typing import Literal, get_origin, get_type_hints

    hints = get_type_hints(kind)
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}


@pytest.mark.parametrize("kind", [Training, Preferences])
def test_every_choice_of_the_domain_is_offered_under_a_name(kind: Any) -> None:
    found = literals(kind)
    assert found
    for name, values in found.items():
        assert {value for value, _ in FIELDS[name].choices} == set(values)


def test_every_parameter_has_words() -> None:
    assert set(FIELDS) == {param.name for param in PARAMS}


def test_an_unknown_choice_stands_for_itself() -> None:
    assert choice_word("method", "lora") == "LoRA"
    assert choice_word("method", "distill") == "distill"


def test_a_label_inside_a_sentence_keeps_its_own_capitals() -> None:
    assert FIELDS["sequence_length"].spoken == "sequence length"
    assert FIELDS["nvme_gib"].spoken == "NVMe"
    assert FIELDS["lora_rank"].spoken == "LoRA rank"
