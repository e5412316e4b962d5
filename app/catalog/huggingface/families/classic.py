"""Older decoders: layer norms, biases, feed-forward blocks without a gate, learned positions."""

from __future__ import annotations

from dataclasses import replace

from app.catalog.huggingface.blocks import (
    UNGATED,
    attention,
    decoder,
    dense,
    hidden_size,
    layer_count,
    layered,
)
from app.catalog.huggingface.reading import MAX_POSITIONS, Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import (
    Attention,
    AttentionNames,
    DenseMLP,
    Layer,
    ModelSpec,
    NormKind,
    Projection,
    RootPart,
)

Root = tuple[tuple[RootPart, str], ...]

GPT2_MODULES = ("ln_1", "mixer", "ln_2", "mlp")
NEOX_MODULES = ("input_layernorm", "post_attention_layernorm", "mixer", "mlp")
GPT2_ROOT: Root = (
    ("embedding", "transformer.wte"),
    ("positions", "transformer.wpe"),
    ("layers", "transformer.h"),
    ("norm", "transformer.ln_f"),
    ("head", "lm_head"),
)
GPTJ_ROOT: Root = (GPT2_ROOT[0], *GPT2_ROOT[2:])
NEOX_ROOT: Root = (
    ("embedding", "gpt_neox.embed_in"),
    ("layers", "gpt_neox.layers"),
    ("norm", "gpt_neox.final_layer_norm"),
    ("head", "lm_head"),
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
XGLM_ROOT: Root = (
    ("embedding", "model.embed_tokens"),
    ("layers", "model.layers"),
    ("norm", "model.layer_norm"),
    ("head", "lm_head"),
)
MPT_ROOT: Root = (
    ("embedding", "transformer.wte"),
    ("layers", "transformer.blocks"),
    ("norm", "transformer.norm_f"),
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
OPT_NAMES = AttentionNames(
    parts=(("k", "k_proj"), ("v", "v_proj"), ("q", "q_proj"), ("o", "out_proj"))
)
OPT_MODULES = ("mixer", "self_attn_layer_norm", "mlp", "final_layer_norm")
NORMED: tuple[tuple[Projection, str], ...] = (("q_norm", "q_layernorm"), ("k_norm", "k_layernorm"))
INNER = ("n_inner", "intermediate_size", "ffn_dim", "ffn_hidden_size")
NEOX_MLP = ("dense_h_to_4h", "dense_4h_to_h")
FUSED_SELF_ATTENTION = AttentionNames(
    "self_attention", (("qkv", "query_key_value"), ("o", "dense"))
)


@family("GPT-2", "gpt2")
@family("GPT-SW3", "gpt-sw3")
def gpt2(c: Config) -> ModelSpec:
    """GPT2LMHeadModel: learned positions, Conv1D weights stored (in, out)."""
    h = hidden_size(c)
    names = AttentionNames("attn", (("qkv", "c_attn"), ("o", "c_proj")))
    mixer = attention(c, rotary=0.0, qkv_bias=True, output_bias=True, conv1d=True, names=names)
    mlp = dense(
        c,
        INNER,
        default=4 * h,
        act="gelu_new",
        gated=False,
        bias=True,
        conv1d=True,
        names=("c_fc", "c_proj"),
    )
    layer = Layer(h, mixer, mlp, "layernorm", GPT2_MODULES)
    return decoder(
        c,
        (layer,) * layer_count(c),
        tied=True,
        residual_dropout=0.1,
        attention_dropout=0.1,
        norm="layernorm",
        positions=_positions(c, 1024),
        root=GPT2_ROOT,
    )


@family("StarCoder", "gpt_bigcode")
def gpt_bigcode(c: Config) -> ModelSpec:
    """GPTBigCodeForCausalLM: GPT-2 with one key/value head and ordinary linears."""
    h = hidden_size(c)
    names = AttentionNames("attn", (("qkv", "c_attn"), ("o", "c_proj")))
    one = 1 if c.flag("multi_query", True) else None
    mixer = attention(c, rotary=0.0, kv_heads=one, qkv_bias=True, output_bias=True, names=names)
    mlp = dense(
        c,
        INNER,
        default=4 * h,
        act="gelu_pytorch_tanh",
        gated=False,
        bias=True,
        names=("c_fc", "c_proj"),
    )
    layer = Layer(h, mixer, mlp, "layernorm", GPT2_MODULES)
    return decoder(
        c,
        (layer,) * layer_count(c),
        tied=True,
        residual_dropout=0.1,
        attention_dropout=0.1,
        norm="layernorm",
        positions=_positions(c, 1024),
        root=GPT2_ROOT,
    )


@family("GPT-J", "gptj")
def gptj(c: Config) -> ModelSpec:
    """GPTJForCausalLM: attention and feed-forward in parallel behind one norm; a head with bias."""
    h = hidden_size(c)
    names = AttentionNames(
        "attn", (("k", "k_proj"), ("v", "v_proj"), ("q", "q_proj"), ("o", "out_proj"))
    )
    mlp = dense(
        c, INNER, default=4 * h, act="gelu_new", gated=False, bias=True, names=("fc_in", "fc_out")
    )
    layer = Layer(h, attention(c, names=names), mlp, "layernorm", ("ln_1", "mixer", "mlp"))
    return decoder(
        c,
        (layer,) * layer_count(c),
        norm="layernorm",
        head_bias=True,
        parallel_residual=True,
        root=GPTJ_ROOT,
    )


@family("CodeGen", "codegen")
def codegen(c: Config) -> ModelSpec:
    """CodeGenForCausalLM: GPT-J with one projection for q, k and v."""
    h = hidden_size(c)
    names = AttentionNames("attn", (("qkv", "qkv_proj"), ("o", "out_proj")))
    mlp = dense(c, INNER, default=4 * h, gated=False, bias=True, names=("fc_in", "fc_out"))
    layer = Layer(h, attention(c, names=names), mlp, "layernorm", ("ln_1", "mixer", "mlp"))
    return decoder(
        c,
        (layer,) * layer_count(c),
        norm="layernorm",
        head_bias=True,
        parallel_residual=True,
        root=GPTJ_ROOT,
    )


@family("GPT-Neo", "gpt_neo")
def gpt_neo(c: Config) -> ModelSpec:
    """GPTNeoForCausalLM: GPT-2 with layers that see all tokens and layers that see a window."""
    h, count = hidden_size(c), layer_count(c)
    span = c.integer("window_size", 256, most=MAX_POSITIONS)
    mlp = dense(c, INNER, default=4 * h, gated=False, bias=True, names=("c_fc", "c_proj"))

    def mixer(kind: str) -> Attention:
        return attention(
            c,
            rotary=0.0,
            output_bias=True,
            sliding_window=span if kind == "local" else None,
            names=AttentionNames("attn.attention", OPT_NAMES.parts),
        )

    return layered(
        c,
        [mixer(kind) for kind in _neo_kinds(c, count)],
        mlp,
        norm="layernorm",
        modules=GPT2_MODULES,
        positions=_positions(c, 2048),
        root=GPT2_ROOT,
    )


def _neo_kinds(c: Config, count: int) -> tuple[str, ...]:
    """`attention_types` lists patterns with how often each is repeated."""
    key, stated = c.find("attention_types")
    if stated is None:
        return tuple(("global", "local")[i % 2] for i in range(count))
    kinds: list[str] = []
    for entry in stated if isinstance(stated, list) else ():
        match entry:
            case [[*pattern], int(times)] if 0 <= times <= count:
                kinds += [str(kind) for kind in pattern] * times
    if len(kinds) != count:
        c.complain(key, f'{key} must name the {count} layers, as in [[["global", "local"], 12]].')
        return ("global",) * count
    return tuple(kinds)


@family("MPT", "mpt")
def mpt(c: Config) -> ModelSpec:
    """MptForCausalLM: ALiBi, and norms and linears that never have biases."""
    h = hidden_size(c)
    mixer = attention(
        c, rotary=0.0, names=AttentionNames("attn", (("qkv", "Wqkv"), ("o", "out_proj")))
    )
    mlp = DenseMLP(4 * h, gated=False, activation="gelu", module="ffn", names=UNGATED)
    modules = ("norm_1", "mixer", "norm_2", "mlp")
    layer = Layer(h, mixer, mlp, "layernorm_nobias", modules)
    return decoder(c, (layer,) * layer_count(c), norm="layernorm_nobias", root=MPT_ROOT)


@family("XGLM", "xglm")
def xglm(c: Config) -> ModelSpec:
    """XGLMForCausalLM: OPT's layers with positions that are computed."""
    layer = Layer(
        hidden_size(c),
        attention(c, rotary=0.0, qkv_bias=True, output_bias=True, names=OPT_NAMES),
        dense(c, INNER, gated=False, bias=True, module="", names=("fc1", "fc2")),
        "layernorm",
        OPT_MODULES,
    )
    return decoder(c, (layer,) * layer_count(c), norm="layernorm", root=XGLM_ROOT)


@family("GPT-NeoX and Pythia", "gpt_neox")
def gpt_neox(c: Config) -> ModelSpec:
    """GPTNeoXForCausalLM: one projection for q, k and v; a quarter of a head is rotated."""
    bias = c.flag("attention_bias", True)
    names = AttentionNames("attention", (("qkv", "query_key_value"), ("o", "dense")))
    mixer = attention(c, rotary=0.25, qkv_bias=bias, output_bias=bias, names=names)
    mlp = dense(c, act="gelu", gated=False, bias=True, names=NEOX_MLP)
    layer = Layer(hidden_size(c), mixer, mlp, "layernorm", NEOX_MODULES)
    return decoder(
        c,
        (layer,) * layer_count(c),
        norm="layernorm",
        root=NEOX_ROOT,
        parallel_residual=c.flag("use_parallel_residual", True),
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
        positions=_positions(c, 2048) + 2,
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


def _positions(c: Config, default: int) -> int:
    return c.integer(("n_positions", "max_position_embeddings"), default, most=10_000_000)
