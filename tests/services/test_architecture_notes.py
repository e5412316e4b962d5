from __future__ import annotations

from typing import Any

import pytest

from app.catalog.huggingface import spec_from_config
from app.services.architecture_notes import architecture_notes

FALCON_H1: dict[str, Any] = {
    "model_type": "falcon_h1",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "mamba_d_ssm": 64,
    "mamba_n_heads": 4,
    "vocab_size": 128,
}
QWEN: dict[str, Any] = {
    "model_type": "qwen3_5_text",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 128,
}
LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 128,
}


@pytest.mark.parametrize(
    ("config", "package"), [(FALCON_H1, "mamba-ssm"), (QWEN, "flash-linear-attention")]
)
def test_a_recurrent_model_says_once_which_package_would_need_less(
    config: dict[str, Any], package: str
) -> None:
    (note,) = architecture_notes(spec_from_config(config, "some/model"))
    assert package in note


def test_a_model_of_attention_alone_takes_nothing_for_granted() -> None:
    assert architecture_notes(spec_from_config(LLAMA, "some/model")) == ()
