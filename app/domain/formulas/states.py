"""Training state: weights, gradients, optimizer states, and how sharding divides them.

Symbols: P parameters, T trained parameters, N ranks that share a shard, B bytes per element.
Shards are rounded up: the fullest rank decides.
"""

from __future__ import annotations

from app.domain.formulas.registry import formula
from app.domain.precision import NF4_DENOMINATOR, NF4_NUMERATOR
from app.domain.units import Integer, ceil_div

_ZERO = "https://arxiv.org/abs/1910.02054"
_PEFT = "https://github.com/huggingface/peft/blob/main/src/peft"
_TORCH_OPTIM = "https://github.com/pytorch/pytorch/blob/main/torch/optim"


@formula(
    label="Weights",
    group="weights",
    equation="P × B ÷ N",
    source="ZeRO, section 3.1 and 5.3: parameters, divided when sharded",
    url=_ZERO,
)
def weights(P: Integer, B: int, N: Integer) -> Integer:
    """The parameters at rest; N = 1 where every rank holds them all."""
    return ceil_div(P, N) * B


@formula(
    label="4-bit weights",
    group="weights",
    equation="lin × 0.516 ÷ N",
    source="QLoRA, section 3: NF4 with double quantisation, block 64 and 256",
    url="https://arxiv.org/abs/2305.14314",
)
def quantised_weights(lin: Integer, N: Integer) -> Integer:
    """The decoder layers' linear weights, packed by bitsandbytes."""
    return ceil_div(lin * NF4_NUMERATOR, NF4_DENOMINATOR * N)


@formula(
    label="Embedding, head and norms kept in higher precision",
    group="weights",
    equation="(P - lin) × B ÷ N",
    source="prepare_model_for_kbit_training casts what is not quantised to fp32",
    url=f"{_PEFT}/utils/other.py",
)
def unquantised_weights(P: Integer, lin: Integer, B: int, N: Integer) -> Integer:
    """What QLoRA leaves unquantised; as large as the packed part for big vocabularies."""
    return ceil_div(P - lin, N) * B


@formula(
    label="LoRA adapters",
    group="weights",
    equation="T × B ÷ N",
    source="LoRA, section 4: r × (in + out) per adapted matrix",
    url="https://arxiv.org/abs/2106.09685",
)
def adapter_weights(T: Integer, B: int, N: Integer) -> Integer:
    """The trained low-rank matrices."""
    return ceil_div(T, N) * B


@formula(
    label="fp32 master weights",
    group="optimizer_states",
    equation="T × 4 ÷ N",
    source="ZeRO, section 3.1: mixed-precision Adam keeps fp32 parameters",
    url=_ZERO,
)
def master_weights(T: Integer, N: Integer) -> Integer:
    """A second, fp32 copy beside 16-bit weights."""
    return ceil_div(T, N) * 4


@formula(
    label="Optimizer states",
    group="optimizer_states",
    equation="k × T × B ÷ N",
    source="ZeRO, section 3.1: momentum and variance",
    url=_ZERO,
)
def optimizer_states(k: int, T: Integer, B: int, N: Integer) -> Integer:
    """k state tensors shaped like the trained parameters."""
    return k * ceil_div(T, N) * B


@formula(
    label="8-bit optimizer states",
    group="optimizer_states",
    equation="k × T × (1 + 4 ÷ 256) ÷ N",
    source="8-bit optimizers, section 2: one byte a state, one fp32 scale per block",
    url="https://arxiv.org/abs/2110.02861",
)
def blockwise_states(k: int, T: Integer, N: Integer) -> Integer:
    """uint8 states with an fp32 absmax per 256 elements; embeddings are 8-bit too."""
    shard = ceil_div(T, N)
    return k * (shard + 4 * ceil_div(shard, 256))


@formula(
    label="Factored optimizer states",
    group="optimizer_states",
    equation="F × 4 ÷ N",
    source="Adafactor, section 3: row and column means instead of the matrix",
    url="https://arxiv.org/abs/1804.04235",
)
def factored_states(F: Integer, N: Integer) -> Integer:
    """F: rows plus columns of every matrix, and whole vectors, in fp32."""
    return ceil_div(F, N) * 4


@formula(
    label="Gradients",
    group="gradients",
    equation="T × B ÷ N",
    source="ZeRO, section 3.1 and 5.2: one gradient per trained parameter",
    url=_ZERO,
)
def gradients(T: Integer, B: int, N: Integer) -> Integer:
    """Gradients of the trained parameters, or their shard."""
    return ceil_div(T, N) * B


@formula(
    label="Gradients not reduced yet",
    group="gradients",
    equation="T × B",
    source="no_sync: only the last micro-batch of a step reduces, the others leave whole gradients",
    url="https://github.com/huggingface/accelerate/blob/main/src/accelerate/accelerator.py",
)
def unreduced_gradients(T: Integer, B: int) -> Integer:
    """Of T parameters, whole on every rank while a step accumulates; in the compute dtype."""
    return T * B


@formula(
    label="A second gradient of the embedding",
    group="gradients",
    equation="k × E × B",
    source="autograd's input buffer holds the head's gradient until the embedding's is added",
    url="https://github.com/pytorch/pytorch/blob/main/torch/csrc/autograd/input_buffer.cpp",
)
def embedding_gradient(k: int, E: int, B: int) -> Integer:
    """k gradients of V × h alive at the end of backward beyond the one counted as gradient."""
    return k * E * B


@formula(
    label="Gradient of the head",
    group="gradients",
    equation="E × B",
    source="MmBackward of lm_head: a dense V × h gradient, the first that backward makes",
    url="https://github.com/pytorch/pytorch/blob/main/torch/csrc/autograd/input_buffer.cpp",
)
def head_gradient(E: int, B: int) -> Integer:
    """The head's gradient while the layers are differentiated."""
    return E * B


@formula(
    label="Temporary of the foreach optimizer",
    group="optimizer_states",
    equation="T × B ÷ N",
    source="_multi_tensor_adamw: torch._foreach_sqrt(exp_avg_sq) makes a list of new tensors",
    url=f"{_TORCH_OPTIM}/adam.py",
)
def foreach_temporary(T: Integer, B: int, N: Integer) -> Integer:
    """One more tensor of the optimised parameters' size during the step."""
    return ceil_div(T, N) * B


@formula(
    label="Temporary of the Adafactor step",
    group="optimizer_states",
    equation="2 × 4 × b ÷ N",
    source="Adafactor.step: fp32 squares and update, one parameter at a time",
    url="https://github.com/huggingface/transformers/blob/main/src/transformers/optimization.py",
)
def adafactor_temporary(b: Integer, N: Integer) -> Integer:
    """Two fp32 tensors the size of the largest optimised tensor b, or of this rank's shard."""
    return 2 * 4 * ceil_div(b, N)
