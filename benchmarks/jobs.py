"""Many jobs that differ in everything a quote differs in, the same ones in every run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice
from random import Random
from typing import Any

from app.catalog import Catalog

SEED = 20_26
PRECISIONS = ["bf16_mixed", "bf16_mixed", "bf16_pure", "fp16_mixed", "fp32"]
OPTIMIZERS = ["adamw", "adamw_8bit", "paged_adamw_8bit", "adafactor", "lion", "sgd"]
METHODS = ["full", "full", "lora", "qlora"]
ATTENTION = ["sdpa", "eager", "flash_attention_2"]


def request_documents(catalog: Catalog, number: int) -> Sequence[dict[str, Any]]:
    """`number` distinct estimate requests over all models and GPUs, every strategy each."""
    return list(islice(_documents(sorted(catalog.models), sorted(catalog.gpus)), number))


def _documents(models: Sequence[str], gpus: Sequence[str]) -> Iterator[dict[str, Any]]:
    random = Random(SEED)
    for number in count():
        yield {
            "model": {"id": models[number % len(models)]},
            "hardware": {
                "gpu": gpus[number % len(gpus)],
                "gpus_per_node": random.choice([1, 2, 4, 8]),
                "nodes": random.choice([1, 1, 2, 4, 16]),
                "host_memory_gib": random.randrange(256, 2_049),
            },
            "training": {
                "method": random.choice(METHODS),
                "precision": random.choice(PRECISIONS),
                "optimizer": random.choice(OPTIMIZERS),
                # No job is measured twice: within a model's positions, a length each.
                "sequence_length": 128 + number % 384,
                "micro_batch_size": random.randrange(1, 17),
                "gradient_accumulation_steps": random.choice([1, 4]),
                "activation_checkpointing": random.random() < 0.7,
                "attention": random.choice(ATTENTION),
                "fused_loss": random.random() < 0.3,
                "lora": {"rank": random.choice([8, 16, 64])},
            },
        }
