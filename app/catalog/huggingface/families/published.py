"""Families whose code came with their weights: transformers has no class of its own for them.

Their layers are as the modeling file of each repository builds them; nothing of it is run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.catalog.huggingface.blocks import (
    HEADS,
    attention,
    decoder,
    dense,
    head_dim_of,
    hidden_size,
    layer_count,
    stack,
)
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
PHI3_SMALL_ROOT: Root = (
    ("embedding", "model.embed_tokens"),
    ("layers", "model.layers"),
    ("norm", "model.final_layernorm"),
    ("head", "lm_head"),
)
BLOCK_SPARSE_NOTE = (
    "Every second layer of Phi-3 small attends to blocks: full attention is assumed there."
)
EXAONE_PARTS: tuple[tuple[Projection, str], ...] = (
    *AttentionNames().parts[:3],
    ("o", "out_proj"),
)


def published(
    c: Config, layers: tuple[Layer, ...], source: str, *, packed: bool = False, **facts: Any
) -> ModelSpec:
    """A whole model, which says where its layers come from.

    `packed`: routed experts, which the repository's code keeps apart and which count here as
    transformers packs those of other families.
    """
    note = (
        f"transformers has no class for this family: its layers are read as {source} of the "
        "model's repository builds them."
    )
    if packed:
        note += " Its experts count as one tensor for each projection of a layer."
    return decoder(c, layers, assumptions=(note,), **facts)


def _published(c: Config, layer: Layer, source: str, **facts: Any) -> ModelSpec:
    return published(c, (layer,) * layer_count(c), source, **facts)


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


@family("Phi-3 small", "phi3small")
def phi3_small(c: Config) -> ModelSpec:
    """Phi3SmallForCausalLM (modeling_phi3_small.py): layer norms, biases, gate and up in one."""
    names = AttentionNames(parts=(("qkv", "query_key_value"), ("o", "dense")))
    mlp = DenseMLP(
        c.integer("ff_intermediate_size", 14_336),
        bias=True,
        activation="gelu",
        fused_gate_up=True,
        names=("up_proj", "down_proj"),
    )
    layer = Layer(
        hidden_size(c),
        attention(c, kv_heads=8, qkv_bias=True, output_bias=True, names=names),
        mlp,
        "layernorm",
    )
    spec = _published(
        c, layer, "modeling_phi3_small.py", root=PHI3_SMALL_ROOT, norm="layernorm", tied=True
    )
    return replace(spec, assumptions=(*spec.assumptions, BLOCK_SPARSE_NOTE))


@family("Nemotron NAS", "nemotron-nas")
def nemotron_nas(c: Config) -> ModelSpec:
    """DeciLMForCausalLM (modeling_decilm.py): Llama with each layer's blocks stated apart."""
    stated = c.sections("block_configs", layer_count(c))
    layers = stack(stated, lambda block: _decided(c, block))
    return published(c, layers, "modeling_decilm.py")


def _decided(c: Config, block: Config) -> Layer:
    """One layer: attention of so many heads a group, a network of so many widths, or neither."""
    h, heads = hidden_size(c), c.integer(HEADS, most=MAX_HEADS)
    attends, feeds = block.section("attention"), block.section("ffn")
    mixer = mlp = None
    if _is_built(attends):
        group = attends.integer("n_heads_in_group", most=heads)
        bias = c.flag("attention_bias", False)
        mixer = Attention(
            heads,
            max(1, heads // group),
            head_dim_of(c, heads),
            qkv_bias=bias,
            output_bias=bias,
            rotary_dim=head_dim_of(c, heads),
        )
    if _is_built(feeds):
        wide = int(2 * feeds.number("ffn_mult", 1.0, least=0, most=1000) * h / 3)
        mlp = DenseMLP(max(256, -(-wide // 256) * 256), bias=c.flag("mlp_bias", False))
    if mixer is None and mlp is None:
        block.complain("attention", "A layer must have attention, a network or both.")
    modules = (*("mixer", "input_layernorm") * (mixer is not None),)
    modules += (*("mlp", "post_attention_layernorm") * (mlp is not None),)
    return Layer(h, mixer, mlp, modules=modules)


def _is_built(part: Config) -> bool:
    if part.flag("replace_with_linear", False):
        part.complain(
            "replace_with_linear", "One linear instead of a block is not modelled; leave it false."
        )
    return not part.flag("no_op", False)
