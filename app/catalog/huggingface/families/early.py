"""First publications: types and key names of files from before transformers had the family.

Their layers are as the modeling file of each repository builds them; nothing of it is run.
"""

from __future__ import annotations

from dataclasses import replace

from app.catalog.huggingface.blocks import attention, dense, hidden_size, layer_count
from app.catalog.huggingface.families.classic import stablelm
from app.catalog.huggingface.families.gpt import INNER
from app.catalog.huggingface.families.hybrid import minimax
from app.catalog.huggingface.families.llama import hunyuan
from app.catalog.huggingface.families.mixtures import (
    EXPERTS_FIRST,
    SHARED,
    hunyuan_moe,
    with_shared_experts,
)
from app.catalog.huggingface.families.published import published
from app.catalog.huggingface.reading import MAX_HEAD_DIM, MAX_LAYERS, MAX_VOCABULARY, Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import MLP, AttentionNames, DenseMLP, Layer, ModelSpec, RootPart

Root = tuple[tuple[RootPart, str], ...]

QWEN_ROOT: Root = (
    ("embedding", "transformer.wte"),
    ("layers", "transformer.h"),
    ("norm", "transformer.ln_f"),
    ("head", "lm_head"),
)
PHI_ROOT: Root = (
    ("embedding", "transformer.embd.wte"),
    ("layers", "transformer.h"),
    ("norm", "lm_head.ln"),
    ("head", "lm_head.linear"),
)
OLMO_ROOT: Root = (
    ("embedding", "model.transformer.wte"),
    ("layers", "model.transformer.blocks"),
    ("norm", "model.transformer.ln_f"),
    ("head", "model.transformer.ff_out"),
)

family("StableLM", "stablelm_epoch")(stablelm)
family("MiniMax-01", "minimax_text_01", "minimax_m1", "MiniMaxText01")(minimax)


@family("Qwen", "qwen")
def qwen(c: Config) -> ModelSpec:
    """QWenLMHeadModel (modeling_qwen.py): `intermediate_size` is that of gate and up together."""
    bias = not c.flag("no_bias", True)
    mixer = attention(
        c,
        head_dim=c.integer("kv_channels", 128, most=MAX_HEAD_DIM),
        names=AttentionNames("attn", (("qkv", "c_attn"), ("o", "c_proj"))),
        qkv_bias=True,
        output_bias=bias,
    )
    width = max(1, c.integer("intermediate_size", 22016) // 2)
    mlp = DenseMLP(width, bias=bias, names=("w1", "w2", "c_proj"))
    layer = Layer(hidden_size(c), mixer, mlp, modules=("ln_1", "mixer", "ln_2", "mlp"))
    return published(c, (layer,) * layer_count(c), "modeling_qwen.py", root=QWEN_ROOT)


@family("Phi-1 and Phi-2", "phi-msft", "mixformer-sequential")
def early_phi(c: Config) -> ModelSpec:
    """PhiForCausalLM (modeling_phi.py): GPT's key names, one projection for q, k and v."""
    h = hidden_size(c)
    names = AttentionNames("mixer", (("qkv", "Wqkv"), ("o", "out_proj")))
    mixer = attention(c, rotary=0.5, qkv_bias=True, output_bias=True, names=names)
    act = "gelu_new"
    mlp = dense(c, INNER, default=4 * h, act=act, gated=False, bias=True, names=("fc1", "fc2"))
    layer = Layer(h, mixer, mlp, "layernorm", ("ln", "mixer", "mlp"))
    return published(
        c,
        (layer,) * layer_count(c),
        "modeling_phi.py",
        root=PHI_ROOT,
        norm="layernorm",
        head_bias=True,
        parallel_residual=True,
    )


@family("OLMo", "hf_olmo")
def early_olmo(c: Config) -> ModelSpec:
    """OLMoForCausalLM (hf_olmo): `mlp_hidden_size` is that of gate and up together."""
    h = hidden_size(c)
    bias = c.flag("include_bias", False)
    mixer = attention(
        c,
        names=AttentionNames("", (("o", "attn_out"), ("qkv", "att_proj"))),
        qkv_bias=bias,
        output_bias=bias,
    )
    inner = c.optional_integer("mlp_hidden_size") or c.integer("mlp_ratio", 4, most=1000) * h
    mlp = DenseMLP(
        max(1, inner // 2), bias=bias, fused_gate_up=True, module="", names=("ff_proj", "ff_out")
    )
    layer = Layer(h, mixer, mlp, "layernorm_noparam", ("mixer", "mlp", "attn_norm", "ff_norm"))
    rows = c.integer(("embedding_size", "vocab_size"), most=MAX_VOCABULARY)
    spec = published(
        c,
        (layer,) * layer_count(c),
        "the hf_olmo package",
        root=OLMO_ROOT,
        norm="layernorm_noparam",
        vocab_default=rows,
    )
    return replace(spec, vocab_size=rows, tied_embeddings=c.flag("weight_tying", True))


@family("DeepSeek MoE", "deepseek")
def deepseek_moe(c: Config) -> ModelSpec:
    """DeepseekForCausalLM (modeling_deepseek.py): Llama's attention, the first layers dense."""
    bias = c.flag("attention_bias", False)
    mixer = attention(c, qkv_bias=bias, output_bias=bias)
    network, h = dense(c), hidden_size(c)
    first = c.integer("first_k_dense_replace", 0, least=0, most=MAX_LAYERS)
    every = c.integer("moe_layer_freq", 1, most=MAX_LAYERS)
    routed: MLP = network
    if c.has("n_routed_experts"):
        routed = with_shared_experts(c, shared=0, parts=(*EXPERTS_FIRST, *SHARED))
    plain, sparse = Layer(h, mixer, network), Layer(h, mixer, routed)
    layers = tuple(
        sparse if i >= first and i % every == 0 else plain for i in range(layer_count(c))
    )
    return published(c, layers, "modeling_deepseek.py", packed=routed is not network)


@family("HunYuan", "hunyuan")
def early_hunyuan(c: Config) -> ModelSpec:
    """HunYuanForCausalLM (modeling_hunyuan.py), dense or with experts, as its successors are."""
    if c.flag("use_cla", False):
        c.refuse(
            "use_cla",
            "use_cla shares keys and values between neighbouring layers, which is not modelled; "
            "send model.dimensions instead for an estimate that is marked as an assumption.",
        )
    c.level("num_experts")
    _, experts = c.find("num_experts")
    return hunyuan_moe(c) if isinstance(experts, int) and experts > 1 else hunyuan(c)
