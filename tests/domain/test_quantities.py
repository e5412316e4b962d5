"""Parameter counts by hand, and the few layers at which backward can peak."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.catalog import load_catalog
from app.domain.errors import InvalidInput
from app.domain.estimate import Evaluator
from app.domain.quantities import ModelQuantities, Stop, quantities_of
from app.domain.strategies import STRATEGIES
from app.domain.training import Lora, Options, ReduceDtype
from tests.jobs import job, toy_model

TOY = toy_model()
LAYERED = (
    "meta-llama/Llama-3.1-8B",  # all layers alike
    "deepseek-ai/DeepSeek-V3",  # three dense layers, then mixtures
    "Qwen/Qwen3-Next-80B-A3B-Instruct",  # every fourth layer attends
    "google/gemma-3-1b-pt",  # every sixth layer sees everything
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",  # mixers and MLPs in layers of their own
)


def test_full_training_trains_everything() -> None:
    q = quantities_of(TOY, "full", Lora())
    assert q.trained == q.parameters == TOY.total_parameters
    assert q.adapters == 0
    assert (q.root_trained, q.head) == (q.root, q.embedding)
    assert q.largest_trained_tensor == q.embedding


def test_adafactor_keeps_rows_and_columns_of_matrices_and_whole_vectors() -> None:
    """q, o 64 + 64; k, v 64 + 32; three of 64 + 128; two norms of 64: 1,152 a layer."""
    q = quantities_of(TOY, "full", Lora())
    layer = 2 * 128 + 2 * 96 + 3 * 192 + 2 * 64
    assert q.factored == 2 * layer + 2 * (1000 + 64) + 64


def test_adapters_on_all_linears_add_rank_times_inputs_and_outputs() -> None:
    q = quantities_of(TOY, "lora", Lora(rank=3))
    per_layer = 3 * (2 * 128 + 2 * 96 + 3 * 192)
    assert q.trained == q.adapters == 2 * per_layer
    assert q.root_trained == 0
    assert q.parameters == TOY.total_parameters
    assert q.kinds[0].adapters == 7
    assert q.kinds[0].adapter_inputs == 6 * 64 + 128


def test_adapters_sit_on_the_named_modules_only() -> None:
    q = quantities_of(TOY, "lora", Lora(rank=3, target_modules=("q_proj", "v_proj")))
    assert q.trained == 2 * 3 * (128 + 96)
    assert q.kinds[0].adapters == 2
    one = quantities_of(TOY, "lora", Lora(rank=3, target_modules="q_proj"))
    assert one.trained == 2 * 3 * 128


def test_a_module_that_no_layer_has_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no linear layer called nope, qproj"):
        quantities_of(TOY, "lora", Lora(target_modules=("qproj", "q_proj", "nope")))


def test_a_tied_head_is_no_parameter_of_its_own() -> None:
    tied = quantities_of(toy_model(tie_word_embeddings=True), "full", Lora())
    assert tied.tied
    assert tied.head == 0
    assert tied.root == tied.embedding + 64


@pytest.mark.parametrize("id_", LAYERED)
def test_kinds_of_layers_add_up_to_the_model(id_: str) -> None:
    spec = load_catalog().model(id_).spec
    q = quantities_of(spec, "full", Lora())
    assert sum(kind.count for kind in q.kinds) == len(spec.layers)
    assert q.root + sum(kind.count * kind.parameters for kind in q.kinds) == q.parameters
    assert sum(q.trained_tensors) == q.trained


def every_layer(q: ModelQuantities) -> tuple[Stop, ...]:
    """A stop at each layer, from the last to the first."""
    kinds = [next(n for n, k in enumerate(q.kinds) if k.layer == x) for x in q.spec.layers]
    return tuple(
        Stop(
            kind=kinds[position],
            position=position + 1,
            up_to=tuple(kinds[: position + 1].count(k) for k in range(len(q.kinds))),
            trained_after=sum(q.kinds[k].trained for k in kinds[position + 1 :]),
            is_first_of_model=position == 0,
            before=kinds[max(position - 1, 0)],
            after=kinds[min(position + 1, len(kinds) - 1)],
        )
        for position in reversed(range(len(kinds)))
    )


@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize("id_", LAYERED)
def test_no_layer_that_is_left_out_peaks_higher(id_: str, checkpointing: bool) -> None:
    asked = job(id_, nodes=2, activation_checkpointing=checkpointing, micro_batch_size=2)
    some, all_ = Evaluator(asked), Evaluator(asked)
    stops = every_layer(all_.quantities)
    assert len(some.quantities.stops) < len(stops)
    all_.quantities = replace(all_.quantities, stops=stops)
    for strategy in STRATEGIES.values():
        assert some.usage(strategy).phases == all_.usage(strategy).phases, strategy.id


def test_lora_on_no_module_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput, match="/training/lora/target_modules: Name at least one"):
        quantities_of(TOY, "lora", Lora(target_modules=()))


@pytest.mark.parametrize("precision", ["bf16_pure", "fp32"])
def test_pure_precisions_reduce_in_their_own_dtype_whatever_is_asked(precision: str) -> None:
    dtypes: tuple[ReduceDtype, ...] = ("fp32", "bf16")
    answers = [
        Evaluator(job(options=Options(fsdp_reduce_dtype=dtype), precision=precision)).usage(
            STRATEGIES["fsdp2"]
        )
        for dtype in dtypes
    ]
    assert answers[0].peak == answers[1].peak
    assert answers[0].reserved == answers[1].reserved
