"""Text models of multimodal families: decoders that exist elsewhere, under classes of their own."""

from __future__ import annotations

from app.catalog.huggingface.blocks import (
    attention,
    decoder,
    dense,
    hidden_size,
    layer_count,
    stack,
)
from app.catalog.huggingface.families.llama import glm4, qwen2, qwen3
from app.catalog.huggingface.families.mixtures import glm4_moe, qwen3_moe
from app.catalog.huggingface.reading import Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import LLAMA_MODULES, AttentionNames, Layer, ModelSpec

family("Qwen2-VL", "qwen2_vl_text")(qwen2)
family("Qwen2.5-VL", "qwen2_5_vl_text")(qwen2)
family("Qwen3-VL", "qwen3_vl_text")(qwen3)
family("Qwen3-VL MoE", "qwen3_vl_moe_text")(qwen3_moe)
family("GLM-4V", "glm4v_text")(glm4)
family("GLM-4.5V", "glm4v_moe_text")(glm4_moe)

CROSS_MODULES = (
    "cross_attn_attn_gate",
    "cross_attn_mlp_gate",
    "mixer",
    "input_layernorm",
    "mlp",
    "post_attention_layernorm",
)
CROSS_NOTE = (
    "Every layer counts as attending to the sequence. Those that attend to an image keep as much "
    "only where an image's tokens are as many, and nothing where a batch has no images."
)


@family("Llama 3.2 Vision", "mllama_text_model")
def mllama(c: Config) -> ModelSpec:
    """MllamaForCausalLM: Llama, and every fifth layer attends to the image instead.

    Its embedding has eight rows more than its head.
    """
    count, mlp, h = layer_count(c), dense(c), hidden_size(c)
    crossing = c.indices("cross_attention_layers", max(count, 1000))
    if crossing is None:
        crossing = frozenset(range(3, 40, 5))
    own = Layer(h, attention(c, own_head_dim=False), mlp, modules=LLAMA_MODULES)
    names = AttentionNames("cross_attn")
    image = attention(c, own_head_dim=False, rotary=0.0, qk_norm="head", names=names)
    crossed = Layer(h, image, mlp, modules=CROSS_MODULES)
    layers = stack(
        (i in crossing for i in range(count)), lambda crosses: crossed if crosses else own
    )
    return decoder(c, layers, embedding_extra=8, assumptions=(CROSS_NOTE,))
