"""A model is its layers and what stands outside them, each parameter once."""

from __future__ import annotations

from app.domain.architecture import (
    Attention,
    DenseMLP,
    Layer,
    MixtureOfExperts,
    ModelSpec,
    RootPart,
)

HIDDEN, VOCAB = 64, 1000


def spec(*layers: Layer, tied: bool = False, **facts: object) -> ModelSpec:
    return ModelSpec("o/m", "m", "f", "llama", HIDDEN, VOCAB, layers, tied, **facts)  # type: ignore[arg-type]


def dense_layer() -> Layer:
    return Layer(HIDDEN, Attention(4, 4, 16), DenseMLP(96))


def sparse_layer() -> Layer:
    return Layer(HIDDEN, Attention(4, 4, 16), MixtureOfExperts(8, 2, 32))


def test_everything_sums_to_the_total() -> None:
    model = spec(dense_layer(), sparse_layer())
    assert model.total_parameters == sum(t.numel for t in model.tensors)
    assert model.total_parameters == model.root_parameters + sum(model.layer_parameters)
    assert model.largest_layer_parameters == model.layer_parameters[1]
    assert model.largest_tensor_parameters == max(t.numel for t in model.tensors)


def test_tensors_come_in_registration_order_with_full_names() -> None:
    found = [t.name for t in spec(dense_layer(), dense_layer()).tensors]
    assert found[0] == "model.embed_tokens.weight"
    assert found[1] == "model.layers.0.self_attn.q_proj.weight"
    assert found[10] == "model.layers.1.self_attn.q_proj.weight"
    assert found[-2:] == ["model.norm.weight", "lm_head.weight"]


def test_a_tied_head_counts_once() -> None:
    tied, untied = spec(dense_layer(), tied=True), spec(dense_layer())
    assert untied.total_parameters - tied.total_parameters == VOCAB * HIDDEN
    assert tied.embedding_parameters == untied.embedding_parameters == VOCAB * HIDDEN
    assert not any(t.role == "head" for t in tied.tensors)


def test_a_head_bias_stays_when_the_head_is_tied() -> None:
    with_bias = spec(dense_layer(), tied=True, head_bias=True)
    assert with_bias.tensors[-1].name == "lm_head.bias"
    assert with_bias.root_parameters == spec(dense_layer(), tied=True).root_parameters + VOCAB


def test_active_parameters_leave_out_the_experts_that_a_token_skips() -> None:
    model = spec(dense_layer(), sparse_layer())
    assert model.total_parameters - model.active_parameters == 6 * 3 * HIDDEN * 32
    assert model.is_mixture
    plain = spec(dense_layer())
    assert plain.active_parameters == plain.total_parameters
    assert not plain.is_mixture


def test_linear_parameters_are_those_inside_the_layers() -> None:
    model = spec(dense_layer(), dense_layer())
    assert model.linear_parameters == 2 * dense_layer().linear_parameters


def test_learned_positions_and_the_final_norm_may_stand_before_the_layers() -> None:
    root: tuple[tuple[RootPart, str], ...] = (
        ("embedding", "e"), ("positions", "p"), ("norm", "n"), ("layers", "l"), ("head", "h"),
    )  # fmt: skip
    model = spec(dense_layer(), positions=50, root=root)
    assert [t.name for t in model.root_tensors_before] == ["e.weight", "p.weight", "n.weight"]
    assert model.root_tensors_before[1].shape == (50, HIDDEN)


def test_specs_are_compared_by_identity_so_that_they_key_caches() -> None:
    one, same = spec(dense_layer()), spec(dense_layer())
    assert one != same
    assert len({one, same}) == 2
