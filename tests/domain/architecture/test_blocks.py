"""The blocks list their parameters as PyTorch registers them."""

from __future__ import annotations

import pytest

from app.domain.architecture import (
    Attention,
    AttentionNames,
    DenseMLP,
    GatedDeltaNet,
    LatentAttention,
    Layer,
    Mamba2,
    MixtureOfExperts,
    Tensor,
)


def llama_layer(**attention: object) -> Layer:
    return Layer(64, Attention(4, 2, 16, **attention), DenseMLP(96))  # type: ignore[arg-type]


def names(layer: Layer) -> list[str]:
    return [tensor.name for tensor in layer.tensors]


def test_a_llama_layer_registers_attention_then_feed_forward_then_norms() -> None:
    assert names(llama_layer()) == [
        "self_attn.q_proj.weight",
        "self_attn.k_proj.weight",
        "self_attn.v_proj.weight",
        "self_attn.o_proj.weight",
        "mlp.gate_proj.weight",
        "mlp.up_proj.weight",
        "mlp.down_proj.weight",
        "input_layernorm.weight",
        "post_attention_layernorm.weight",
    ]


def test_a_layers_parameters_are_the_sum_of_its_tensors() -> None:
    layer = llama_layer()
    by_hand = 64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 96 + 2 * 64
    assert layer.parameters == sum(t.numel for t in layer.tensors) == by_hand
    assert layer.linear_parameters == by_hand - 2 * 64
    assert layer.largest_tensor == 64 * 96


def test_grouped_queries_have_narrower_keys_and_values() -> None:
    assert llama_layer().linears == (
        (64, 64), (64, 32), (64, 32), (64, 64), (64, 96), (64, 96), (96, 64),
    )  # fmt: skip


def test_biases_follow_their_weights() -> None:
    found = names(llama_layer(qkv_bias=True))
    assert found[:3] == [
        "self_attn.q_proj.weight",
        "self_attn.q_proj.bias",
        "self_attn.k_proj.weight",
    ]
    assert "self_attn.o_proj.bias" not in found
    assert "self_attn.o_proj.bias" in names(llama_layer(output_bias=True))


@pytest.mark.parametrize(("kind", "sizes"), [("head", (16, 16)), ("full", (64, 32)), ("none", ())])
def test_query_and_key_norms_cover_a_head_or_the_whole_projection(
    kind: str, sizes: tuple[int, ...]
) -> None:
    found = {t.name: t.numel for t in llama_layer(qk_norm=kind).tensors}
    norms = [v for k, v in found.items() if k.startswith(("self_attn.q_norm", "self_attn.k_norm"))]
    assert tuple(norms) == sizes


def test_sinks_are_registered_before_the_projections() -> None:
    first = llama_layer(sinks=True).tensors[0]
    assert first == Tensor("self_attn.sinks", (4,), "other")


def test_an_output_gate_doubles_the_query_projection() -> None:
    assert llama_layer(output_gate=True).linears[0] == (64, 128)


def test_conv1d_stores_its_weights_transposed_but_maps_the_same_way() -> None:
    fused = AttentionNames("attn", (("qkv", "c_attn"), ("o", "c_proj")))
    mixer = Attention(4, 4, 16, conv1d=True, names=fused)
    mlp = DenseMLP(256, gated=False, conv1d=True, names=("c_fc", "c_proj"))
    layer = Layer(64, mixer, mlp, "layernorm", ("ln_1", "mixer", "ln_2", "mlp"))
    assert layer.tensors[2] == Tensor("attn.c_attn.weight", (64, 192), "linear")
    assert layer.named_linears[0] == ("attn.c_attn", 64, 192)
    assert layer.named_linears[3] == ("mlp.c_proj", 256, 64)


def test_a_layer_that_reuses_keys_and_values_has_none_of_its_own() -> None:
    own = AttentionNames(parts=(("q", "q_proj"), ("o", "o_proj")))
    assert Attention(4, 2, 16, names=own).shares_kv
    assert not Attention(4, 2, 16).shares_kv


@pytest.mark.parametrize(
    ("norm", "parameters"),
    [("rmsnorm", 128), ("layernorm", 256), ("layernorm_nobias", 128), ("layernorm_noparam", 0)],
)
def test_norms_have_a_weight_and_a_bias_as_their_kind_says(norm: str, parameters: int) -> None:
    layer = Layer(64, Attention(4, 4, 16), DenseMLP(96), norm)  # type: ignore[arg-type]
    assert layer.parameters - layer.linear_parameters == parameters
    assert layer.norms == 2


def test_latent_attention_without_a_query_rank_projects_queries_directly() -> None:
    ranked = LatentAttention(4, 24, 16, 8, 4, 8).tensors(64, "rmsnorm")
    direct = LatentAttention(4, None, 16, 8, 4, 8).tensors(64, "rmsnorm")
    assert [t.shape for t in ranked[:3]] == [(24, 64), (24,), (4 * 12, 24)]
    assert direct[0] == Tensor("self_attn.q_proj.weight", (4 * 12, 64), "linear")
    assert ranked[3:] == direct[1:]


def test_experts_are_packed_and_the_router_is_not_a_linear() -> None:
    moe = MixtureOfExperts(8, 2, 32)
    layer = Layer(64, Attention(4, 4, 16), moe)
    roles = {t.name: t.role for t in layer.tensors}
    assert roles["mlp.experts.gate_up_proj"] == roles["mlp.experts.down_proj"] == "expert"
    assert roles["mlp.gate.weight"] == "other"
    assert moe.expert_parameters(64) * 8 == sum(
        t.numel for t in layer.tensors if t.role == "expert"
    )
    assert layer.unused_expert_parameters == 6 * moe.expert_parameters(64)
    assert layer.moe is moe


def test_expert_biases_count_with_their_expert() -> None:
    moe = MixtureOfExperts(8, 2, 32, expert_bias=True, router_bias=True, transposed=True)
    tensors = moe.tensors(64)
    packed = [t for t in tensors if t.role == "expert"]
    assert [t.shape for t in packed] == [(8, 64, 64), (8, 64), (8, 32, 64), (8, 64)]
    assert sum(t.numel for t in packed) == 8 * moe.expert_parameters(64)


def test_recurrent_mixers_project_their_convolution_channels() -> None:
    delta = GatedDeltaNet(2, 4, 8, 8, 4)
    assert delta.conv_width == 2 * 16 + 32
    fused = GatedDeltaNet(2, 4, 8, 8, 4, layout="fused")
    counts = [sum(t.numel for t in m.tensors(64, "rmsnorm")) for m in (delta, fused)]
    assert counts[0] == counts[1]
    mamba = Mamba2(heads=4, head_dim=8, groups=2, state=16, conv_kernel=4)
    assert mamba.conv_width == 32 + 2 * 2 * 16
    assert Layer(64, mamba, None, modules=("norm", "mixer")).attention is None
