"""The training loop: what Hugging Face Trainer and accelerate decide that frameworks leave open.

Only what changes memory. A plain PyTorch loop is the reference: it has none of it. Trainer's
DeepSpeed runs are like plain ones but for the "auto" values, which the request resolves.
Source: transformers 5.17, accelerate 1.15; each setting names its function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Trainer = Literal["pytorch", "hf_trainer"]


@dataclass(frozen=True)
class Recipe:
    """The settings of a training loop.

    `clones_outputs`: DDP looks for unused parameters (Trainer: `_build_accelerator_args`), so its
        sink clones the model's outputs (`_DDPSink`) and its buckets are never rebuilt.
    `wide_embedding_states`: bitsandbytes keeps 32-bit states for embeddings (`create_optimizer`).
    `reduces_in_half`: FSDP's mixed precision reduces in the compute dtype, too
        (`FullyShardedDataParallelPlugin.set_mixed_precision`).
    `defers_reduction`: only the last micro-batch of an accumulated step reduces; the others leave
        whole gradients on each GPU (`Accelerator.no_sync`).
    `separate_ends`: FSDP2 shards an untied embedding, and final norm with head, as groups of their
        own and leaves the root empty (`fsdp2_prepare_model`).
    `wide_adapters`: FSDP2 keeps trained parameters in fp32 (`fsdp2_prepare_model`).
    `keeps_ties`: FSDP1 wraps a model whose head is tied already (`prepare_model`).
    `no_backward_prefetch`: FSDP1 gathers a layer in backward when it runs, and not before
        (TrainingArguments `_process_fsdp_args`: NO_PREFETCH).
    `upcasts_shards`: FSDP1's shards are cast to fp32 after wrapping; the 16-bit ones that were
        loaded live until the first step (`prepare_model`).
    """

    trainer: Trainer = "pytorch"
    clones_outputs: bool = False
    wide_embedding_states: bool = False
    reduces_in_half: bool = False
    defers_reduction: bool = False
    separate_ends: bool = False
    wide_adapters: bool = False
    keeps_ties: bool = False
    no_backward_prefetch: bool = False
    upcasts_shards: bool = False


PLAIN = Recipe()
HF_TRAINER = Recipe(
    trainer="hf_trainer",
    clones_outputs=True,
    wide_embedding_states=True,
    reduces_in_half=True,
    defers_reduction=True,
    separate_ends=True,
    wide_adapters=True,
    keeps_ties=True,
    no_backward_prefetch=True,
    upcasts_shards=True,
)
RECIPES: dict[Trainer, Recipe] = {recipe.trainer: recipe for recipe in (PLAIN, HF_TRAINER)}
