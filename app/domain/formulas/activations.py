"""What a decoder layer keeps from forward to backward, per block, with eager autograd.

Symbols: n layers, t tokens of the micro-batch, h hidden size, q and kv the widths of queries and of
keys, H heads, S sequence length, i MLP width, r LoRA rank, c and s the element sizes of matmul
operands and of the residual stream. Every formula is exactly proportional to the micro-batch.

Evidence: held to 3 MiB against the measured Llama runs without checkpointing (see docs).
"""

from __future__ import annotations

from app.domain.formulas.registry import formula
from app.domain.units import Integer

_TRANSFORMERS = "https://github.com/huggingface/transformers/blob/main/src/transformers"
_LLAMA = f"{_TRANSFORMERS}/models/llama/modeling_llama.py"
_AUTOCAST = "https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/autocast_mode.cpp"
_SDPA = (
    "https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/transformers/attention.cpp"
)


@formula(
    label="Inputs of the projections",
    group="activations",
    equation="n × t × k × h × c",
    source="MmBackward keeps its input; autocast casts one copy per consumer",
    url=_AUTOCAST,
    per_sample=True,
)
def projection_inputs(n: Integer, t: Integer, k: int, h: int, c: int) -> Integer:
    """k copies of the normalised stream feeding linears.

    2 in a 16-bit stream (one shared by q, k, v and one by gate, up). Under autocast each consumer
    gets a cast of its own: 5, since only leaf weights are cached.
    """
    return n * t * k * h * c


@formula(
    label="Attention: q, k, v, output and log-sum-exp",
    group="activations",
    equation="n × t × (c × (2 × q + 2 × kv) + 4 × H)",
    source="_scaled_dot_product_flash_attention saves q, k, v, out and logsumexp",
    url=_SDPA,
    per_sample=True,
)
def flash_attention(n: Integer, t: Integer, q: int, kv: int, H: int, c: int) -> Integer:
    """Fused attention: linear in the sequence; its output is also the output projection's input."""
    return n * t * (c * (2 * q + 2 * kv) + 4 * H)


@formula(
    label="Attention: scores, q, k, v and output",
    group="activations",
    equation="n × t × (H × S × p + 4 × q × c)",
    source="eager_attention_forward: fp32 softmax and its cast; q, repeated k and v, output",
    url=_LLAMA,
    per_sample=True,
)
def eager_attention(n: Integer, t: Integer, S: Integer, q: int, H: int, p: int, c: int) -> Integer:
    """Eager attention keeps the S × S probabilities of every head, p bytes each.

    As a rule the fp32 softmax and its cast; where dropout is drawn, the 16-bit softmax, the mask
    and the dropped copy.
    """
    return n * t * (H * S * p + 4 * q * c)


@formula(
    label="Softcapped attention scores",
    group="activations",
    equation="n × t × H × S × c",
    source="Gemma2Attention: TanhBackward keeps its output, S × S per head",
    url=f"{_TRANSFORMERS}/models/gemma2/modeling_gemma2.py",
    per_sample=True,
)
def softcapped_scores(n: Integer, t: Integer, S: Integer, H: int, c: int) -> Integer:
    """The scaled tanh on the scores keeps one more S × S tensor per head."""
    return n * t * H * S * c


@formula(
    label="Attention with a mask: q, repeated k and v, output",
    group="activations",
    equation="n × t × (2 × (q + r) × c + 4 × H)",
    source="sdpa_attention_forward: with a mask keys and values are repeated for every query head",
    url=f"{_TRANSFORMERS}/integrations/sdpa_attention.py",
    per_sample=True,
)
def masked_attention(n: Integer, t: Integer, q: int, r: int, H: int, c: int) -> Integer:
    """SDPA under an explicit mask (a sliding window shorter than the sequence).

    r is the width of the repeated keys: q, or one head's, which is expanded without a copy.
    """
    return n * t * (2 * (q + r) * c + 4 * H)


@formula(
    label="Attention output in the projection's layout",
    group="activations",
    equation="n × t × q × c",
    source="rotary parts joined by torch.cat are head-major: so is the output, which is copied",
    url=f"{_TRANSFORMERS}/models/gpt_neox/modeling_gpt_neox.py",
    per_sample=True,
)
def copied_attention_output(n: Integer, t: Integer, q: int, c: int) -> Integer:
    """The output projection's input, where it cannot share the attention kernel's output."""
    return n * t * q * c


@formula(
    label="Attention in fp32 by the math kernel",
    group="activations",
    equation="n × t × (H × S × 4 + 4 × q × 4)",
    source="_scaled_dot_product_attention_math: softmax output; q, repeated k and v, output",
    url=_SDPA,
    per_sample=True,
    kind="assumed",
)
def math_attention(n: Integer, t: Integer, S: Integer, q: int, H: int) -> Integer:
    """fp32 inputs rule the flash kernel out: the probabilities are kept whole."""
    return n * t * (H * S * 4 + 4 * q * 4)


@formula(
    label="Fused qkv projection kept through a view",
    group="activations",
    equation="n × t × c × (q + kv)",
    source="v is a view of the fused projection, whose whole storage stays alive",
    url=f"{_TRANSFORMERS}/models/gpt_neox/modeling_gpt_neox.py",
    per_sample=True,
)
def fused_qkv_storage(n: Integer, t: Integer, q: int, kv: int, c: int) -> Integer:
    """With a rotary embedding q and k are new tensors and the old ones live on beside v."""
    return n * t * c * (q + kv)


@formula(
    label="Query and key norms",
    group="activations",
    equation="n × t × ((4 + f) × (q + kv) + 4 × (H + K))",
    source="Qwen3RMSNorm per head: fp32 copy, normalised value, rsqrt",
    url=f"{_TRANSFORMERS}/models/qwen3/modeling_qwen3.py",
    per_sample=True,
)
def qk_norms(n: Integer, t: Integer, q: int, kv: int, H: int, K: int, f: int) -> Integer:
    """RMSNorm over q and k; f bytes an element of the normalised value that its weight multiplies.

    f is 0 for frozen norms, 4 where the product happens in fp32.
    """
    return n * t * ((4 + f) * (q + kv) + 4 * (H + K))


@formula(
    label="Gated MLP",
    group="activations",
    equation="n × t × 4 × i × c",
    source="SiluBackward, MulBackward and MmBackward keep gate, silu(gate), up and their product",
    url=_LLAMA,
    per_sample=True,
)
def gated_mlp(n: Integer, t: Integer, i: int, c: int) -> Integer:
    """gate, act(gate), up and the product, each of width i."""
    return n * t * 4 * i * c


@formula(
    label="Gated MLP with frozen weights",
    group="activations",
    equation="n × t × 3 × i × c",
    source="SiluBackward and MulBackward; a frozen down projection keeps no input",
    url=_LLAMA,
    per_sample=True,
)
def frozen_gated_mlp(n: Integer, t: Integer, i: int, c: int) -> Integer:
    """gate, act(gate) and up; the adapter keeps the product in its own dtype."""
    return n * t * 3 * i * c


@formula(
    label="MLP",
    group="activations",
    equation="n × t × k × i × c",
    source="AddmmBackward and the activation's backward; gelu_new keeps each of its products",
    url=f"{_TRANSFORMERS}/activations.py",
    per_sample=True,
)
def plain_mlp(n: Integer, t: Integer, k: int, i: int, c: int) -> Integer:
    """An ungated MLP: k tensors of width i (2 for a fused GELU, 5 for gelu_new, 1 for ReLU)."""
    return n * t * k * i * c


@formula(
    label="LoRA inputs",
    group="activations",
    equation="n × t × (a × x + a × m × r)",
    source="LoRA layers cast their input to the adapter's dtype and keep it, and A's output",
    url="https://github.com/huggingface/peft/blob/main/src/peft/tuners/lora/layer.py",
    per_sample=True,
)
def lora_inputs(n: Integer, t: Integer, a: int, x: int, m: int, r: int) -> Integer:
    """m adapters a layer whose inputs sum to x features, kept in the adapters' dtype of a bytes."""
    return n * t * (a * x + a * m * r)


@formula(
    label="Shared experts' gated output",
    group="activations",
    equation="n × t × h × c",
    source="Qwen3NextSparseMoeBlock: the product with the sigmoid gate keeps the output",
    url=f"{_TRANSFORMERS}/models/qwen3_next/modeling_qwen3_next.py",
    per_sample=True,
)
def gated_shared_output(n: Integer, t: Integer, h: int, c: int) -> Integer:
    """Where a learned gate scales what the shared network returns."""
    return n * t * h * c


@formula(
    label="xIELU's signs",
    group="activations",
    equation="n × t × i",
    source="XIELUActivation chooses by a boolean mask, which backward keeps",
    url=f"{_TRANSFORMERS}/activations.py",
    per_sample=True,
)
def xielu_signs(n: Integer, t: Integer, i: int) -> Integer:
    """One byte an element."""
    return n * t * i


@formula(
    label="Dropout masks",
    group="activations",
    equation="n × t × k × h",
    source="native_dropout keeps a boolean mask",
    url="https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/Dropout.cpp",
    per_sample=True,
)
def dropout_masks(n: Integer, t: Integer, k: int, h: int) -> Integer:
    """k residual dropouts a layer, one byte an element."""
    return n * t * k * h


@formula(
    label="Checkpoints: one layer input each",
    group="activations",
    equation="n × t × h × s",
    source="torch.utils.checkpoint (non-reentrant) keeps the layer's input only; Chen et al., 2016",
    url="https://arxiv.org/abs/1604.06174",
    per_sample=True,
)
def layer_checkpoints(n: Integer, t: Integer, h: int, s: int) -> Integer:
    """With activation checkpointing a layer keeps its input and recomputes the rest."""
    return n * t * h * s


@formula(
    label="Final norm, rotary tables and token ids",
    group="activations",
    equation="t × (h × (k + c) + 2 × d × s + 24)",
    source="LlamaModel.forward: what the final norm keeps, the head's input; cos, sin; ids",
    url=_LLAMA,
    per_sample=True,
)
def outside_layers(t: Integer, h: int, d: int, s: int, c: int, k: int) -> Integer:
    """Activations outside the decoder layers: the final norm's (k bytes an element of its width),
    the head's input and rotary tables of d channels.
    """
    return t * (h * (k + c) + 2 * d * s + 24)


@formula(
    label="Output of the final norm",
    group="activations",
    equation="t × h × s",
    source="CausalLMOutput holds it until the model returns, whatever the head keeps",
    url=_AUTOCAST,
    per_sample=True,
)
def final_norm_output(t: Integer, h: int, s: int) -> Integer:
    """At the loss, where the head does not keep it: autocast keeps a cast, frozen heads nothing."""
    return t * h * s


@formula(
    label="Gradients inside the layer being differentiated",
    group="activations",
    equation="t × (h × s + m × i × c)",
    source="MulBackward of the MLP: d_silu and d_up beside the incoming gradient",
    url=_LLAMA,
    per_sample=True,
)
def layer_gradients(t: Integer, h: int, s: int, m: int, i: int, c: int) -> Integer:
    """Gradients of the MLP's width: m is 2 at the gated product, 1 behind the down projection."""
    return t * (h * s + m * i * c)


@formula(
    label="Gradients inside attention",
    group="activations",
    equation="t × (h × s + c × ((2 + r) × q + 2 × kv) + 4 × q)",
    source="flash attention backward: dout, dq, its fp32 accumulator, dk, dv and those per head",
    url=_SDPA,
    per_sample=True,
)
def attention_gradients(t: Integer, h: int, s: int, q: int, kv: int, c: int, r: int) -> Integer:
    """The flash kernel's outputs and accumulators beside the incoming gradient.

    r is 2 where several query heads share a key (dk and dv exist per query head first), else 0.
    """
    return t * (h * s + c * ((2 + r) * q + 2 * kv) + 4 * q)


@formula(
    label="Gradients of the attention scores",
    group="activations",
    equation="t × (h × s + g × H × S)",
    source="SoftmaxBackward: the 16-bit gradient, its fp32 copy and the outgoing fp32 gradient",
    url=_LLAMA,
    per_sample=True,
)
def score_gradients(t: Integer, h: int, s: int, H: int, S: Integer, g: int) -> Integer:
    """Eager attention's backward: g bytes a probability, 10 as a rule, 6 with sinks."""
    return t * (h * s + g * H * S)


@formula(
    label="Causal mask of eager attention",
    group="activations",
    equation="t × S × 2",
    source="eager_mask of create_causal_mask materialises 16 bits for each pair of tokens",
    url=f"{_TRANSFORMERS}/masking_utils.py",
    per_sample=True,
)
def causal_mask(t: Integer, S: Integer) -> Integer:
    """One S × S mask for each sequence of the micro-batch, shared by all layers."""
    return t * S * 2
