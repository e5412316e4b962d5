"""Older decoders after GPT: OPT, Phi, StarCoder2, StableLM, Falcon and BLOOM."""

from __future__ import annotations

from dataclasses import replace

from app.catalog.huggingface.blocks import (
    attention,
    decoder,
    dense,
    hidden_size,
    layer_count,
)
from app.catalog.huggingface.families.gpt import (
    INNER,
    NEOX_MLP,
    OPT_MODULES,
    OPT_NAMES,
    Root,
    positions,
)
from app.catalog.huggingface.reading import MAX_POSITIONS, Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import (
    AttentionNames,
    Layer,
    ModelSpec,
    NormKind,
    Projection,
)

OPT_ROOT: Root = (
    ("embedding", "model.decoder.embed_tokens"),
    ("positions", "model.decoder.embed_positions"),
    ("project_out", "model.decoder.project_out"),
    ("project_in", "model.decoder.project_in"),
    ("norm", "model.decoder.final_layer_norm"),
    ("layers", "model.decoder.layers"),
    ("head", "lm_head"),
)
FALCON_ROOT: Root = (
    ("embedding", "transformer.word_embeddings"),
    ("layers", "transformer.h"),
    ("norm", "transformer.ln_f"),
    ("head", "lm_head"),
)
BLOOM_ROOT: Root = (
    FALCON_ROOT[0],
    ("embedding_norm", "transformer.word_embeddings_layernorm"),
    *FALCON_ROOT[1:],
)
PHI_ROOT: Root = (
    ("embedding", "model.embed_tokens"),
    ("layers", "model.layers"),
    ("norm", "model.final_layernorm"),
    ("head", "lm_head"),
)
NORMED: tuple[tuple[Projection, str], ...] = (("q_norm", "q_layernorm"), ("k_norm", "k_layernorm"))
FUSED_SELF_ATTENTION = AttentionNames(
    "self_attention", (("qkv", "query_key_value"), ("o", "dense"))
)


@family("OPT", "opt")
def opt(c: Config) -> ModelSpec:
    """OPTForCausalLM: learned positions with an offset of two; the final norm stands first.

    OPT-350M has its norms behind the blocks, no final norm and a narrower embedding.
    """
    h = hidden_size(c)
    width = c.integer("word_embed_proj_dim", h)
    last_norm = c.flag("do_layer_norm_before", True) and not c.flag(
        "_remove_final_layer_norm", False
    )
    left_out = {"project_in", "project_out"} if width == h else set()
    left_out |= set() if last_norm else {"norm"}
    norm: NormKind = (
        "layernorm" if c.flag("layer_norm_elementwise_affine", True) else "layernorm_noparam"
    )
    bias = c.flag("enable_bias", True)
    layer = Layer(
        h,
        attention(c, rotary=0.0, qkv_bias=bias, output_bias=bias, names=OPT_NAMES),
        dense(c, INNER, act="relu", gated=False, bias=bias, module="", names=("fc1", "fc2")),
        norm,
        OPT_MODULES,
    )
    return decoder(
        c,
        (layer,) * layer_count(c),
        tied=True,
        norm=norm,
        residual_dropout=0.1,
        positions=positions(c, 2048) + 2,
        embedding_size=width,
        root=tuple(part for part in OPT_ROOT if part[0] not in left_out),
    )


@family("Phi-1 and Phi-2", "phi")
def phi(c: Config) -> ModelSpec:
    """PhiForCausalLM: attention and feed-forward in parallel, biases everywhere, the head too."""
    parts = (*AttentionNames().parts[:3], ("o", "dense"), *NORMED)
    layer = Layer(
        hidden_size(c),
        attention(
            c,
            rotary=0.5,
            qkv_bias=True,
            output_bias=True,
            qk_norm="head" if c.flag("qk_layernorm", False) else "none",
            names=AttentionNames(parts=parts),
        ),
        dense(c, act="gelu_new", gated=False, bias=True, names=("fc1", "fc2")),
        "layernorm",
        ("mixer", "mlp", "input_layernorm"),
    )
    return decoder(
        c,
        (layer,) * layer_count(c),
        norm="layernorm",
        head_bias=True,
        parallel_residual=True,
        root=PHI_ROOT,
    )


@family("Persimmon", "persimmon")
def persimmon(c: Config) -> ModelSpec:
    """PersimmonForCausalLM: GPT-NeoX with norms over each head's queries and keys."""
    names = AttentionNames(parts=(("qkv", "query_key_value"), ("o", "dense"), *NORMED))
    layer = Layer(
        hidden_size(c),
        attention(
            c,
            rotary=0.5,
            qkv_bias=True,
            output_bias=True,
            qk_norm="head" if c.flag("qk_layernorm", True) else "none",
            names=names,
        ),
        dense(c, act="relu2", gated=False, bias=True, names=NEOX_MLP),
        "layernorm",
    )
    return decoder(c, (layer,) * layer_count(c), norm="layernorm", root=PHI_ROOT)


@family("StarCoder2", "starcoder2")
def starcoder2(c: Config) -> ModelSpec:
    """Starcoder2ForCausalLM: Llama's attention with layer norms, biases and no gate."""
    bias = c.flag("use_bias", True)
    span = c.optional_integer("sliding_window", most=MAX_POSITIONS)
    layer = Layer(
        hidden_size(c),
        attention(c, kv_heads=2, qkv_bias=bias, output_bias=bias, sliding_window=span),
        dense(c, act="gelu_pytorch_tanh", gated=False, bias=bias, names=("c_fc", "c_proj")),
        "layernorm",
    )
    return decoder(c, (layer,) * layer_count(c), tied=True, norm="layernorm")


@family("StableLM", "stablelm")
def stablelm(c: Config) -> ModelSpec:
    """StableLmForCausalLM: Llama with layer norms; StableLM 2 1.6B has biases on q, k and v."""
    normed = "each" if c.flag("qk_layernorm", False) else "none"
    parallel = c.flag("use_parallel_residual", False)
    after = () if parallel else ("post_attention_layernorm",)
    layer = Layer(
        hidden_size(c),
        attention(
            c,
            rotary=0.25,
            qkv_bias=c.flag("use_qkv_bias", False),
            qk_norm=normed,
            names=AttentionNames(parts=(*AttentionNames().parts[:4], *NORMED)),
        ),
        dense(c),
        "layernorm",
        ("mixer", "mlp", "input_layernorm", *after),
    )
    return decoder(c, (layer,) * layer_count(c), norm="layernorm", parallel_residual=parallel)


@family("Falcon", "falcon", "RefinedWeb", "RefinedWebModel")
def falcon(c: Config) -> ModelSpec:
    """FalconForCausalLM: multi-query, or grouped-query in the new architecture.

    The first files have names of their own and do not say which architecture they are.
    """
    h = hidden_size(c)
    bias, parallel = c.flag("bias", False), c.flag("parallel_attn", True)
    new = c.flag("new_decoder_architecture", c.has("n_head_kv"))
    mixer = attention(
        c,
        qkv_bias=bias,
        output_bias=bias,
        names=FUSED_SELF_ATTENTION,
        rotary=0.0 if c.flag("alibi", False) else 1.0,
    )
    if not new:
        one = c.flag("multi_query", True)
        mixer = replace(mixer, kv_heads=1 if one else mixer.heads)
    mlp = dense(c, INNER, default=4 * h, act="gelu", gated=False, bias=bias, names=NEOX_MLP)
    norms: tuple[str, ...] = ("input_layernorm",)
    if not parallel:
        norms = ("post_attention_layernorm", "input_layernorm")
    elif c.integer("num_ln_in_parallel_attn", 2 if new else 1) == 2:
        norms = ("ln_attn", "ln_mlp")
    layer = Layer(h, mixer, mlp, "layernorm", ("mixer", "mlp", *norms))
    return decoder(
        c,
        (layer,) * layer_count(c),
        tied=True,
        norm="layernorm",
        parallel_residual=parallel,
        root=FALCON_ROOT,
    )


@family("BLOOM", "bloom")
def bloom(c: Config) -> ModelSpec:
    """BloomForCausalLM: a norm behind the embedding, ALiBi instead of positions."""
    h = hidden_size(c)
    mixer = attention(c, rotary=0.0, qkv_bias=True, output_bias=True, names=FUSED_SELF_ATTENTION)
    mlp = dense(
        c, INNER, default=4 * h, act="gelu_pytorch_tanh", gated=False, bias=True, names=NEOX_MLP
    )
    layer = Layer(
        h, mixer, mlp, "layernorm", ("input_layernorm", "mixer", "post_attention_layernorm", "mlp")
    )
    return decoder(c, (layer,) * layer_count(c), tied=True, norm="layernorm", root=BLOOM_ROOT)
