"""Importing this package registers every family."""

from app.catalog.huggingface.families import (
    block_sparse,
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
    "block_sparse",
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
