"""Valid requests, so that a test states only what it is about."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

Json = dict[str, Any]


def merged(base: Json, changes: Json) -> Json:
    """`base` with `changes` on top: objects merge, everything else replaces."""
    result = deepcopy(base)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result


def estimate_request(**changes: Any) -> Json:
    """A small model on one node, one strategy: quick to compute."""
    base: Json = {
        "model": {"id": "meta-llama/Llama-3.2-1B"},
        "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 2},
        "training": {"sequence_length": 512},
        "strategies": ["zero3"],
    }
    return merged(base, changes)


def new_plan(**changes: Any) -> Json:
    return merged({"name": "Quote 1042", "request": estimate_request()}, changes)


def new_hardware_profile(**changes: Any) -> Json:
    base: Json = {"name": "Quad workstation", "gpu": "rtxpro6000-ws", "gpus_per_node": 4}
    return merged(base, changes)


LLAMA_CONFIG: Json = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 1000,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
}


def new_model_profile(**changes: Any) -> Json:
    return merged({"name": "Our model", "config": LLAMA_CONFIG}, changes)
