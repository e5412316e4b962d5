"""What each config class of transformers reads: its keys, their defaults and other spellings.

The table is written by `python -m tests.conformance.class_keys` from transformers 5.23, for the
keys that some family asks for; `make conformance` holds it against the installed classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("class_keys.json")
# Read for every class by the base of transformers' configs.
COMMON = frozenset({"per_layer_config", "partial_rotary_factor", "rotary_pct", "rope_parameters"})


class ClassKeys(NamedTuple):
    """A class's fields with their `defaults`, their `aliases`, and `others` without a default.

    `name` is that of the causal language model, as `architectures` has it; empty where the text
    model exists only within a multimodal one.
    """

    name: str
    defaults: Mapping[str, Any]
    aliases: Mapping[str, str]
    others: frozenset[str]

    def spellings(self, key: str) -> tuple[str, ...]:
        """How a config may write this key; nothing where the class does not read it."""
        written = tuple(alias for alias, field in self.aliases.items() if field == key)
        known = key in self.defaults or key in self.others or key in self.aliases or key in COMMON
        return (*written, key) if known else written


@lru_cache(maxsize=1)
def class_keys() -> Mapping[str, ClassKeys]:
    """By `model_type`; a family that transformers has no class for is missing."""
    table: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return {
        model_type: ClassKeys(
            entry.get("class", ""),
            entry["defaults"],
            entry.get("aliases", {}),
            frozenset(entry.get("others", ())),
        )
        for model_type, entry in table.items()
    }


# Names under which files came before transformers, or beside it.
EARLIER_CLASSES = {
    "LLaMAForCausalLM": "llama",
    "RWForCausalLM": "RefinedWebModel",
    "YiForCausalLM": "Yi",
    "QWenLMHeadModel": "qwen",
    "InternLMForCausalLM": "internlm",
    "InternLM2ForCausalLM": "internlm2",
    "InternLM3ForCausalLM": "internlm3",
    "ExaoneForCausalLM": "exaone",
    "ChatGLMModel": "chatglm",
    "ChatGLMForConditionalGeneration": "chatglm",
    "BaichuanForCausalLM": "baichuan",
    "BaiChuanForCausalLM": "baichuan",
    "DeepseekForCausalLM": "deepseek",
    "Phi3SmallForCausalLM": "phi3small",
    "PhiMoEForCausalLM": "phimoe",
    "MPTForCausalLM": "mpt",
    "OLMoForCausalLM": "hf_olmo",
    "DeciLMForCausalLM": "nemotron-nas",
    "MiniMaxText01ForCausalLM": "minimax_text_01",
    "MiniMaxM1ForCausalLM": "minimax_m1",
    "StableLMEpochForCausalLM": "stablelm_epoch",
    "HunYuanForCausalLM": "hunyuan",
}


@lru_cache(maxsize=1)
def of_class() -> Mapping[str, str]:
    """The `model_type` of a class; of several the one with the shortest name."""
    known = sorted(class_keys().items(), key=lambda item: len(item[0]), reverse=True)
    return {**EARLIER_CLASSES, **{keys.name: model_type for model_type, keys in known if keys.name}}
