"""Importing this package registers every family."""

from app.catalog.huggingface.families import (
    classic,
    deepseek,
    early,
    gemma,
    gpt,
    hybrid,
    llama,
    mixtures,
    multimodal,
    published,
    state_space,
)

__all__ = [
    "classic",
    "deepseek",
    "early",
    "gemma",
    "gpt",
    "hybrid",
    "llama",
    "mixtures",
    "multimodal",
    "published",
    "state_space",
]
