"""FSDP2 and FSDP1: shards at rest, the root gathered throughout, layers gathered as they run."""

from __future__ import annotations

import pytest

from app.domain.training import Options
from tests.jobs import bytes_of, job, moment, toy_model, usage

TOY = toy_model()
P, E = TOY.total_parameters, TOY.embedding_parameters
ROOT, LAYER, LAYERS = TOY.root_parameters, TOY.largest_layer_parameters, len(TOY.layers)


def test_shard_grad_op_holds_every_layer_and_full_shard_the_last() -> None:
    full = moment(job(TOY), "fsdp2", "forward", "loss")
    kept = moment(job(TOY), "fsdp2_shard_grad_op", "forward", "loss")
    assert bytes_of(full, "gathered_layers") == bytes_of(kept, "gathered_layers") == 2 * LAYER
    assert bytes_of(full, "gathered_model") == 0
    assert bytes_of(kept, "gathered_model") == 2 * LAYERS * LAYER
    assert kept.bytes - full.bytes == 2 * LAYERS * LAYER


def test_fsdp1_shard_grad_op_holds_every_layer() -> None:
    kept = moment(job(TOY), "fsdp1_shard_grad_op", "forward", "loss")
    assert bytes_of(kept, "gathered_model") == 2 * LAYERS * LAYER


@pytest.mark.parametrize("nodes", [2, 4, 64])
def test_hybrid_shards_over_the_node_only(nodes: int) -> None:
    hybrid = usage(job(TOY, gpus=8, nodes=nodes), "fsdp2_hybrid")
    one_node = usage(job(TOY, gpus=8), "fsdp2")
    assert hybrid.phases == one_node.phases


def test_full_shard_divides_over_all_nodes() -> None:
    setups = [
        moment(job(TOY, gpus=8, nodes=nodes), "fsdp2", "setup", "model sharded").bytes
        for nodes in (1, 2)
    ]
    padded = 2 * 8 * 64  # 1,000 rows of embedding and head become 1,008
    assert setups == [4 * P // 8, 4 * (P + padded) // 16]


def test_the_root_is_gathered_whole_on_every_rank() -> None:
    for gpus in (2, 64):
        loss = moment(job(TOY, gpus=gpus), "fsdp2", "backward", "loss")
        assert bytes_of(loss, "gathered_root") == 2 * ROOT


@pytest.mark.parametrize(("reduce_dtype", "size"), [("fp32", 4), ("bf16", 2)])
def test_the_roots_reduction_is_not_divided_by_the_ranks(reduce_dtype: str, size: int) -> None:
    for gpus in (2, 64):
        options = Options(fsdp_reduce_dtype=reduce_dtype)  # type: ignore[arg-type]
        end = moment(job(TOY, gpus=gpus, options=options), "fsdp2", "backward", "root reduction")
        assert bytes_of(end, "reduce_scatter_input") == size * ROOT
        assert bytes_of(end, "root_gradients") == 2 * ROOT


def test_offload_leaves_only_what_is_gathered() -> None:
    asked = job(TOY)
    used = usage(asked, "fsdp2_offload")
    on_gpu = usage(asked, "fsdp2")
    shard = 12 * P // 8
    assert on_gpu.phases["resident"] - used.phases["resident"] == shard
    assert on_gpu.phases["forward"] - used.phases["forward"] == shard
    assert used.phases["step"] == used.phases["resident"]


def test_frozen_parameters_are_gathered_but_never_reduced() -> None:
    used = usage(job(TOY, method="lora"), "fsdp2")
    adapters = used.loads[0].moment.terms[1]
    assert adapters.formula.name == "adapter_weights"
    reduced = {
        term.bytes
        for load in used.loads
        for term in load.moment.terms
        if term.formula.name in ("reduce_scatter_input", "root_gradients")
    }
    assert max(reduced) < 4 * LAYER


def test_fsdp1_unties_a_tied_head() -> None:
    tied = toy_model(tie_word_embeddings=True)
    assert tied.total_parameters == P - E
    for model in (TOY, tied):
        setup = moment(job(model, gpus=8), "fsdp1", "setup", "model wrapped")
        assert setup.bytes == 4 * P // 8
    assert usage(job(tied), "fsdp1").phases == usage(job(TOY), "fsdp1").phases


def test_fsdp1_releases_the_sharded_gradient_when_the_next_forward_starts() -> None:
    start = moment(job(TOY), "fsdp1", "forward", "start")
    loss = moment(job(TOY), "fsdp1", "forward", "loss")
    assert bytes_of(start, "gradients") == 4 * P // 8
    assert bytes_of(loss, "gradients") == 0
