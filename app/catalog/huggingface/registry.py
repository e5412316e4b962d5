"""The families that can be read: one small function each, found by `model_type`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.catalog.huggingface.reading import Config
from app.domain.architecture import ModelSpec

Builder = Callable[[Config], ModelSpec]


@dataclass(frozen=True)
class Family:
    """What a `model_type` stands for: its name on menus and the function that reads its config."""

    model_type: str
    name: str
    build: Builder


FAMILIES: dict[str, Family] = {}
# Multimodal model types, of which the text model is planned, and that text model's own type.
NESTED: dict[str, str] = {
    "llama4": "llama4_text",
    "mllama": "mllama_text_model",
    "aya_vision": "cohere2",
    "deepseek_vl": "llama",
    "kimi_k25": "deepseek_v3",
    "glm46v": "glm4v_text",
    "llava_next_video": "llama",
    "qwen2_audio": "qwen2",
    "voxtral": "llama",
    "gemma3n": "gemma3n_text",
    "gemma3": "gemma3_text",
    "gemma4": "gemma4_text",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "mistral3": "mistral",
    "minimax_m3_vl": "minimax_m3_vl_text",
    "llava": "llama",
    "llava_next": "llama",
    "llava_onevision": "qwen2",
    "paligemma": "gemma",
    "internvl": "qwen2",
    "idefics3": "llama",
    "smolvlm": "llama",
    "cohere2_vision": "cohere2",
    "qwen2_vl": "qwen2_vl_text",
    "qwen2_5_vl": "qwen2_5_vl_text",
    "qwen3_vl": "qwen3_vl_text",
    "qwen3_vl_moe": "qwen3_vl_moe_text",
    "glm4v": "glm4v_text",
    "glm4v_moe": "glm4v_moe_text",
}
# What a wrapper's class takes for keys that its text part leaves out, before that part's own class.
WRAPPER_DEFAULTS: dict[str, dict[str, int]] = {
    "voxtral": {
        "vocab_size": 131_072,
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_hidden_layers": 30,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131_072,
        "head_dim": 128,
    },
}


def family(name: str, *model_types: str) -> Callable[[Builder], Builder]:
    """Register a function for one or more model types."""

    def register(build: Builder) -> Builder:
        for model_type in model_types:
            FAMILIES[model_type] = Family(model_type, name, build)
        return build

    return register
