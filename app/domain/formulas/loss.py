"""Logits and cross-entropy as transformers' ForCausalLMLoss computes them.

Symbols: t tokens, V vocabulary. The logits are produced in 16 bits, copied to fp32 (`.float()`) and
passed through log_softmax; backward holds three fp32 tensors at once.
"""

from __future__ import annotations

from app.domain.formulas.registry import formula
from app.domain.units import Integer

_LOSS = "https://github.com/huggingface/transformers/blob/main/src/transformers/loss/loss_utils.py"
_LIGER = "https://arxiv.org/abs/2410.10989"


@formula(
    label="Logits, fp32 copy and log-softmax",
    group="logits_and_loss",
    equation="t × V × (l + 4)",
    source="ForCausalLMLoss: logits.float(), cross_entropy",
    url=_LOSS,
    per_sample=True,
)
def loss_forward(t: Integer, V: int, l: int) -> Integer:
    """At the end of forward: logits with their fp32 copy (l bytes together) and log-softmax.

    l is 6 for 16-bit logits (2 + 4), 4 where the logits are fp32 already.
    """
    return t * V * (l + 4)


@formula(
    label="Logits, their clone and log-softmax",
    group="logits_and_loss",
    equation="t × V × (8 + 4 × k)",
    source="_DDPSink clones every output where DDP looks for unused parameters; fp32",
    url="https://github.com/pytorch/pytorch/blob/main/torch/nn/parallel/distributed.py",
    per_sample=True,
)
def cloned_logits(t: Integer, V: int, k: Integer) -> Integer:
    """When DDP's forward returns: accelerate's fp32 copy of the logits, k clones, log-softmax."""
    return t * V * (8 + 4 * k)


@formula(
    label="Log-softmax and its gradients",
    group="logits_and_loss",
    equation="t × V × 12",
    source="LogSoftmaxBackward: output, incoming and outgoing gradient, fp32",
    url=_LOSS,
    per_sample=True,
)
def loss_backward(t: Integer, V: int) -> Integer:
    """At the start of backward: log-softmax, its incoming gradient and its outgoing one."""
    return t * V * 12


@formula(
    label="Softcapped logits",
    group="logits_and_loss",
    equation="t × V × l",
    source="Gemma2ForCausalLM: TanhBackward of final_logit_softcapping keeps its output",
    url="https://github.com/huggingface/transformers/blob/main/src/transformers/models/gemma2/modeling_gemma2.py",
    per_sample=True,
)
def softcapped_logits(t: Integer, V: int, l: int) -> Integer:
    """The scaled tanh of the logits, l bytes an element, until the head's backward."""
    return t * V * l


@formula(
    label="Fused loss: a chunk of logits",
    group="logits_and_loss",
    equation="t × h × 20",
    source="Liger fused linear cross-entropy: chunks of up to 2 t h ÷ V tokens, 10 B a logit",
    url=_LIGER,
    kind="assumed",
    per_sample=True,
)
def fused_loss_chunk(t: Integer, h: int) -> Integer:
    """Logits are made chunk by chunk; the chunk is sized so that it is about the hidden states."""
    return t * h * 20


@formula(
    label="Fused loss: gradients made in forward",
    group="logits_and_loss",
    equation="t × h × s",
    source="Liger fused linear cross-entropy computes the hidden states' gradient in forward",
    url=_LIGER,
    kind="assumed",
    per_sample=True,
)
def fused_loss_gradient(t: Integer, h: int, s: int) -> Integer:
    """The hidden states' gradient waits for backward instead of the logits."""
    return t * h * s


@formula(
    label="Fused loss: the head's gradient made in forward",
    group="logits_and_loss",
    equation="E × g",
    source="Liger fused linear cross-entropy accumulates the head's gradient in forward",
    url=_LIGER,
    kind="assumed",
)
def fused_loss_head_gradient(E: int, g: int) -> Integer:
    """g bytes an element of the head; 0 where the head is frozen."""
    return E * g
