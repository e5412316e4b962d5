"""Reducing Activation Recomputation in Large Transformer Models, 2022 (arXiv 2205.05198).

Equation 1: a GPT layer in 16 bits without parallelism keeps s·b·h·(34 + 5·a·s/h) bytes: s tokens in
a sequence, b sequences, h hidden size, a heads. Attention has 11·sbh + 5·as²b, the MLP 19·sbh, the
two layer norms 4·sbh. Selective recomputation (section 5) drops the 5·as²b.
"""

from __future__ import annotations

import pytest

from app.catalog.huggingface import spec_from_config
from app.domain.formulas import activations as act
from app.domain.formulas import norms as norm_formulas
from app.domain.layer_memory import Kernels, layer_recipe
from app.domain.precision import STREAMS
from app.domain.quantities import quantities_of
from app.domain.training import AttentionKernel, Lora

# Hidden size, heads, sequence, micro-batch: the paper's 22B, 175B and 530B models, and a small one.
SHAPES = [(6144, 64, 2048, 4), (12288, 96, 2048, 1), (20480, 128, 2048, 1), (64, 4, 10, 3)]

every_shape = pytest.mark.parametrize(("h", "a", "s", "b"), SHAPES)


def linear_part(h: int, s: int, b: int) -> int:
    return 34 * s * b * h


def quadratic_part(a: int, s: int, b: int) -> int:
    return 5 * a * s * s * b


@every_shape
def test_the_block_formulas_add_up_to_the_linear_part(h: int, a: int, s: int, b: int) -> None:
    t = s * b
    norms = norm_formulas.layer_norms(n=1, t=t, k=2, h=h, s=2).bytes
    inputs = act.projection_inputs(n=1, t=t, k=1, h=h, c=2).bytes
    attention = act.flash_attention(n=1, t=t, q=h, kv=h, H=a, c=2).bytes
    mlp = act.plain_mlp(n=1, t=t, k=2, i=4 * h, c=2).bytes
    masks = act.dropout_masks(n=1, t=t, k=1, h=h).bytes
    log_sum_exp = 4 * a * t  # fp32, of the flash kernel, which recomputes the rest
    assert norms == 4 * s * b * h
    assert inputs + attention + masks == 11 * s * b * h + log_sum_exp
    assert inputs + mlp + masks == 19 * s * b * h
    assert norms + 2 * inputs + attention + mlp + 2 * masks == linear_part(h, s, b) + log_sum_exp


def kept_by_a_gpt_layer(h: int, a: int, s: int, b: int, attention: AttentionKernel) -> int:
    """Bytes by the recipe that the engine reads off a GPT-2 with one GELU kernel."""
    config = {
        "model_type": "gpt2",
        "n_embd": h,
        "n_head": a,
        "n_layer": 1,
        "n_positions": s,
        "vocab_size": 51_200,
        "activation_function": "gelu",
    }
    spec = spec_from_config(config, "gpt")
    (kind,) = quantities_of(spec, "full", Lora()).kinds
    kernels = Kernels(STREAMS["half"], attention, "full", adapter_bytes=2, rank=0)
    recipe = layer_recipe(spec, kind, kernels, masked=False)
    return sum(ingredient.term(1, s * b, s).bytes for ingredient in recipe)


@every_shape
def test_a_gpt_layer_keeps_the_linear_part_and_the_log_sum_exp_of_its_softmax(
    h: int, a: int, s: int, b: int
) -> None:
    assert kept_by_a_gpt_layer(h, a, s, b, "sdpa") == linear_part(h, s, b) + 4 * a * s * b


@every_shape
def test_eager_attention_with_dropout_keeps_the_papers_five_bytes_a_score(
    h: int, a: int, s: int, b: int
) -> None:
    """16-bit softmax (2), dropout mask (1), dropped-out softmax (2)."""
    kept = kept_by_a_gpt_layer(h, a, s, b, "eager")
    assert kept == linear_part(h, s, b) + quadratic_part(a, s, b)


@every_shape
def test_full_recomputation_keeps_the_layers_input(h: int, a: int, s: int, b: int) -> None:
    """Section 5: 2·sbh a layer."""
    assert act.layer_checkpoints(n=1, t=s * b, h=h, s=2).bytes == 2 * s * b * h


@pytest.mark.parametrize(("shape", "saved"), [(SHAPES[1], 0.70), (SHAPES[2], 0.65)])
def test_the_fused_kernel_saves_what_selective_recomputation_saves(
    shape: tuple[int, int, int, int], saved: float
) -> None:
    """Section 5: 70 % of the activations for GPT-3 and 65 % for MT-NLG."""
    h, a, s, b = shape
    everything = linear_part(h, s, b) + quadratic_part(a, s, b)
    assert round(1 - kept_by_a_gpt_layer(h, a, s, b, "sdpa") / everything, 2) == saved
