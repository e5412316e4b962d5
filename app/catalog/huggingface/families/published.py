"""Families whose code came with their weights: transformers has no class of its own for them.

Their layers are as the modeling file of each repository builds them; nothing of it is run.
"""

from __future__ import annotations

from typing import Any

from app.catalog.huggingface.blocks import attention, decoder, dense, hidden_size, layer_count
from app.catalog.huggingface.reading import MAX_HEAD_DIM, MAX_HEADS, MAX_VOCABULARY, Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import (
    LLAMA_MODULES,
    Attention,
    AttentionNames,
    DenseMLP,
    Layer,
    ModelSpec,
    Projection,
    RootPart,
)

Root = tuple[tuple[RootPart, str], ...]

INTERNLM2_ROOT: Root = (
    ("embedding", "model.tok_embeddings"),
    ("layers", "model.layers"),
    ("norm", "model.norm"),
    ("head", "output"),
)
EXAONE_ROOT: Root = (
    ("embedding", "transformer.wte"),
    ("layers", "transformer.h"),
    ("norm", "transformer.ln_f"),
    ("head", "lm_head"),
)
CHATGLM_ROOT: Root = (
    ("embedding", "transformer.embedding.word_embeddings"),
    ("layers", "transformer.encoder.layers"),
    ("norm", "transformer.encoder.final_layernorm"),
    ("head", "transformer.output_layer"),
)
EXAONE_PARTS: tuple[tuple[Projection, str], ...] = (
    *AttentionNames().parts[:3],
    ("o", "out_proj"),
)


def _published(c: Config, layer: Layer, source: str, **facts: Any) -> ModelSpec:
    note = (
        f"transformers has no class for this family: its layers are read as {source} of the "
        "model's repository builds them."
    )
    return decoder(c, (layer,) * layer_count(c), assumptions=(note,), **facts)


@family("InternLM", "internlm")
def internlm(c: Config) -> ModelSpec:
    """InternLMForCausalLM (modeling_internlm.py): Llama with biases in attention."""
    bias = c.flag("bias", True)
    mixer = attention(c, qkv_bias=bias, output_bias=bias)
    return _published(c, Layer(hidden_size(c), mixer, dense(c)), "modeling_internlm.py")


@family("InternLM 2", "internlm2")
def internlm2(c: Config) -> ModelSpec:
    """InternLM2ForCausalLM (modeling_internlm2.py): one projection for q, k and v."""
    bias = c.flag("bias", True)
    names = AttentionNames("attention", (("qkv", "wqkv"), ("o", "wo")))
    layer = Layer(
        hidden_size(c),
        attention(c, qkv_bias=bias, output_bias=bias, names=names),
        dense(c, module="feed_forward", names=("w1", "w3", "w2")),
        modules=("mixer", "mlp", "attention_norm", "ffn_norm"),
    )
    return _published(c, layer, "modeling_internlm2.py", root=INTERNLM2_ROOT)


@family("EXAONE 3", "exaone")
def exaone(c: Config) -> ModelSpec:
    """ExaoneForCausalLM (modeling_exaone.py): Llama's layers under GPT-2's names."""
    names = AttentionNames("attn.attention", EXAONE_PARTS)
    layer = Layer(
        hidden_size(c),
        attention(c, names=names),
        dense(c, names=("c_fc_0", "c_fc_1", "c_proj")),
        modules=("ln_1", "mixer", "ln_2", "mlp"),
    )
    return _published(c, layer, "modeling_exaone.py", root=EXAONE_ROOT)


@family("ChatGLM and GLM-4", "chatglm")
def chatglm(c: Config) -> ModelSpec:
    """ChatGLMForConditionalGeneration (modeling_chatglm.py): keys of its own for most."""
    heads = c.integer("num_attention_heads", most=MAX_HEADS)
    grouped = c.flag("multi_query_attention", False)
    bias = c.flag("add_bias_linear", False)
    dim = c.integer("kv_channels", 128, most=MAX_HEAD_DIM)
    mixer = Attention(
        heads,
        c.integer("multi_query_group_num", 1, most=MAX_HEADS) if grouped else heads,
        dim,
        qkv_bias=bias or c.flag("add_qkv_bias", False),
        output_bias=bias,
        rotary_dim=dim // 2,
        names=AttentionNames("self_attention", (("qkv", "query_key_value"), ("o", "dense"))),
    )
    mlp = DenseMLP(
        c.integer("ffn_hidden_size"),
        bias=bias,
        fused_gate_up=True,
        names=("dense_h_to_4h", "dense_4h_to_h"),
    )
    layer = Layer(
        hidden_size(c),
        mixer,
        mlp,
        modules=("input_layernorm", "mixer", "post_attention_layernorm", "mlp"),
    )
    rows = c.integer(("padded_vocab_size", "vocab_size"), most=MAX_VOCABULARY)
    return _published(c, layer, "modeling_chatglm.py", root=CHATGLM_ROOT, vocab_default=rows)


@family("Baichuan", "baichuan")
def baichuan(c: Config) -> ModelSpec:
    """BaichuanForCausalLM (modeling_baichuan.py): Llama with one projection for q, k and v."""
    names = AttentionNames(parts=(("qkv", "W_pack"), ("o", "o_proj")))
    layer = Layer(hidden_size(c), attention(c, names=names), dense(c), modules=LLAMA_MODULES)
    return _published(c, layer, "modeling_baichuan.py")
