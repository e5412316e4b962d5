"""GPT and its kin: layer norms, biases, feed-forward blocks without a gate, learned positions."""

from __future__ import annotations

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
OPT_NAMES = AttentionNames(
    parts=(("k", "k_proj"), ("v", "v_proj"), ("q", "q_proj"), ("o", "out_proj"))
)
OPT_MODULES = ("mixer", "self_attn_layer_norm", "mlp", "final_layer_norm")
INNER = ("n_inner", "intermediate_size", "ffn_dim", "ffn_hidden_size")
NEOX_MLP = ("dense_h_to_4h", "dense_4h_to_h")


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
        positions=positions(c, 1024),
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
        positions=positions(c, 1024),
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
        positions=positions(c, 2048),
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


def positions(c: Config, default: int) -> int:
    """How many learned positions there are, by either of the two names that files use."""
    return c.integer(("n_positions", "max_position_embeddings"), default, most=10_000_000)
