"""What Hugging Face Trainer changes under each framework, and what it does not."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from app.domain.estimate import Load
from app.domain.job import Job
from app.domain.recipe import HF_TRAINER, PLAIN, RECIPES
from app.domain.strategies import STRATEGIES
from app.domain.training import Options
from tests.jobs import bytes_of, job, moment, terms, toy_model, usage

TRAINER = Options(recipe=HF_TRAINER)
TOY = toy_model()
TIED = toy_model(tie_word_embeddings=True)
P, E, V = TOY.total_parameters, TOY.embedding_parameters, TOY.vocab_size
H, ROOT, LAYER = TOY.hidden_size, TOY.root_parameters, TOY.largest_layer_parameters
TAIL = ROOT - E
TOKENS = 2048
FSDP = [s.id for s in STRATEGIES.values() if s.framework == "pytorch_fsdp"]


def both(model: Any = TOY, **changes: Any) -> tuple[Job, Job]:
    """The same job in a plain loop and in Trainer."""
    plain = job(model, sequence_length=TOKENS, **changes)
    return plain, replace(plain, options=TRAINER)


def moments(made: Job, strategy: str, phase: str, ending: str) -> list[Load]:
    loads = usage(made, strategy).loads
    return [m for m in loads if m.moment.phase == phase and m.moment.label.endswith(ending)]


def test_a_plain_loop_has_none_of_the_settings_and_trainer_all() -> None:
    names = [field.name for field in fields(PLAIN) if field.name != "trainer"]
    assert not any(getattr(PLAIN, name) for name in names)
    assert all(getattr(HF_TRAINER, name) for name in names)
    assert {trainer: recipe.trainer for trainer, recipe in RECIPES.items()} == {
        "pytorch": "pytorch",
        "hf_trainer": "hf_trainer",
    }


@pytest.mark.parametrize(
    "strategy", [s.id for s in STRATEGIES.values() if s.framework == "deepspeed"]
)
def test_deepspeed_is_the_same_in_either_loop(strategy: str) -> None:
    plain, trainer = both(nodes=2, gradient_accumulation_steps=4)
    assert usage(plain, strategy).phases == usage(trainer, strategy).phases


def test_the_sink_clones_the_logits_where_ddp_looks_for_unused_parameters() -> None:
    plain, trainer = both(activation_checkpointing=False)
    cloned = moment(trainer, "ddp", "forward", "outputs cloned")
    assert bytes_of(cloned, "cloned_logits") == 12 * TOKENS * V
    assert not moments(plain, "ddp", "forward", "outputs cloned")
    assert usage(plain, "ddp").second_step == 4 * P
    assert usage(trainer, "ddp").second_step == 0


def test_no_wrapper_clones_nothing() -> None:
    _, trainer = both(activation_checkpointing=False, gpus=1)
    cloned = moment(trainer, "ddp", "forward", "outputs cloned")
    assert bytes_of(cloned, "cloned_logits") == 8 * TOKENS * V


def test_with_checkpointing_only_a_peft_model_is_looked_through() -> None:
    assert not moments(both()[1], "ddp", "forward", "outputs cloned")
    assert moments(both(method="lora")[1], "ddp", "forward", "outputs cloned")


def test_a_fused_loss_has_no_logits_to_clone() -> None:
    _, trainer = both(activation_checkpointing=False, fused_loss=True)
    cloned = moment(trainer, "ddp", "forward", "outputs cloned")
    assert bytes_of(cloned, "cloned_logits") == 0


@pytest.mark.parametrize(("model", "strategy"), [(TOY, "ddp"), (TIED, "ddp"), (TOY, "fsdp2")])
def test_the_embedding_keeps_32_bit_states_beside_8_bit_ones(model: Any, strategy: str) -> None:
    plain, trainer = both(model, optimizer="adamw_8bit", gpus=1)
    before, after = (usage(made, strategy).phases["resident"] for made in (plain, trainer))
    scales = 2 * 4 * (-(-model.total_parameters // 256) - -(-(model.total_parameters - E) // 256))
    assert after - before == 6 * E - scales


def test_flat_partitions_hide_the_embedding_from_bitsandbytes() -> None:
    plain, trainer = both(optimizer="adamw_8bit")
    assert usage(plain, "zero2").phases == usage(trainer, "zero2").phases


@pytest.mark.parametrize("strategy", ["fsdp2", "fsdp1"])
def test_gradients_are_reduced_in_the_compute_dtype(strategy: str) -> None:
    plain, trainer = both()
    label = "layer 1, reduction"
    for made, size in ((plain, 4), (trainer, 2)):
        reduced = moment(made, strategy, "backward", label)
        assert bytes_of(reduced, "reduce_scatter_input") == size * LAYER
    full = replace(trainer, training=replace(trainer.training, precision="fp32"))
    assert bytes_of(moment(full, strategy, "backward", label), "reduce_scatter_input") == 4 * LAYER


@pytest.mark.parametrize("strategy", FSDP)
def test_micro_batches_leave_whole_gradients_until_the_last_one_reduces(strategy: str) -> None:
    _, once = both(nodes=2)
    _, often = both(nodes=2, gradient_accumulation_steps=4)
    for phase in ("forward", "backward"):
        grown = moment(often, strategy, phase, "loss").bytes
        assert grown - moment(once, strategy, phase, "loss").bytes == 2 * P
    assert usage(once, strategy).phases["resident"] == usage(often, strategy).phases["resident"]


@pytest.mark.parametrize("strategy", ["fsdp2", "fsdp1"])
@pytest.mark.parametrize(("steps", "found"), [(2, 0), (3, P)])
def test_the_first_micro_batch_finds_no_gradients_and_a_later_one_all(
    strategy: str, steps: int, found: int
) -> None:
    _, trainer = both(gradient_accumulation_steps=steps)
    last_layer = moments(trainer, strategy, "backward", f"layer {len(TOY.layers)}, not reduced")[0]
    assert bytes_of(last_layer, "unreduced_gradients") == 2 * found


@pytest.mark.parametrize("strategy", ["fsdp2", "fsdp1"])
def test_in_the_last_micro_batch_gradients_shrink_as_they_are_reduced(strategy: str) -> None:
    _, trainer = both(gradient_accumulation_steps=2)
    first_layer = moment(trainer, strategy, "backward", "layer 1, reduction")
    (whole,) = terms(first_layer, "unreduced_gradients")
    reduced = sum(term.symbols["T"] for term in terms(first_layer, "gradients"))
    assert whole.symbols["T"] + reduced == P
    assert reduced >= LAYER


def test_an_untied_head_is_gathered_only_around_the_loss() -> None:
    plain, trainer = both()
    forward = moment(trainer, "fsdp2", "forward", "loss")
    backward = moment(trainer, "fsdp2", "backward", "loss")
    inside = moments(trainer, "fsdp2", "backward", "layer 2, MLP")[0]
    assert bytes_of(forward, "gathered_root") == 2 * 2 * TAIL  # and its all-gather's output
    assert bytes_of(backward, "gathered_root") == 2 * TAIL
    assert bytes_of(backward, "gathered_layers") == 0
    assert bytes_of(inside, "gathered_root", "head_gradient") == 0
    assert bytes_of(moment(plain, "fsdp2", "backward", "loss"), "gathered_root") == 2 * ROOT


def test_the_heads_gradient_is_reduced_first_and_the_embeddings_last() -> None:
    _, trainer = both()
    tail = moment(trainer, "fsdp2", "backward", "tail reduction")
    assert bytes_of(tail, "root_gradients") == bytes_of(tail, "reduce_scatter_input") == 2 * TAIL
    pending = moments(trainer, "fsdp2", "backward", "layer 2, MLP")[0]
    assert bytes_of(pending, "reduce_scatter_input") == 2 * TAIL
    assert bytes_of(pending, "gradients") == 4 * TAIL // 8
    last = moment(trainer, "fsdp2", "backward", "embedding reduction")
    assert bytes_of(last, "root_gradients") == bytes_of(last, "reduce_scatter_input") == 2 * E
    assert bytes_of(last, "gradients") == 4 * (P - E) // 8


def test_the_first_layers_backward_prefetches_the_embedding_unless_it_is_kept() -> None:
    _, trainer = both()
    first = moments(trainer, "fsdp2", "backward", "layer 1, MLP")[0]
    assert bytes_of(first, "gathered_root") == 2 * E
    for position in (1, 2):
        kept = moments(trainer, "fsdp2_shard_grad_op", "backward", f"layer {position}, MLP")[0]
        assert bytes_of(kept, "gathered_root") == 2 * E


def test_a_tied_model_prefetches_no_layer_before_its_logits_are_done() -> None:
    plain, trainer = both(TIED)
    before, after = (moment(made, "fsdp2", "backward", "loss") for made in (plain, trainer))
    assert before.bytes - after.bytes == 2 * LAYER
    assert bytes_of(after, "gathered_root") == 2 * (E + H)
    assert (
        moment(plain, "fsdp2", "forward", "loss").bytes
        == moment(trainer, "fsdp2", "forward", "loss").bytes
    )


@pytest.mark.parametrize(("precision", "size"), [("bf16_mixed", 4), ("bf16_pure", 2)])
def test_adapters_are_fp32_shards_that_are_gathered_in_16_bit(precision: str, size: int) -> None:
    _, trainer = both(method="lora", precision=precision)
    resident = moment(trainer, "fsdp2", "resident", "between steps")
    (adapters,) = terms(resident, "adapter_weights")
    assert adapters.symbols["B"] == size
    (states,) = terms(resident, "optimizer_states")
    assert states.symbols["B"] == size
    loss = moment(trainer, "fsdp2", "forward", "loss")
    assert {t.symbols["a"] for t in terms(loss, "gathered_root")} == {2}


def test_fsdp1_keeps_a_tied_head_tied() -> None:
    plain, trainer = both(TIED)
    apart = moment(plain, "fsdp1", "step", "optimizer").bytes
    assert apart - moment(trainer, "fsdp1", "step", "optimizer").bytes == 16 * E // 8


def test_fsdp1_holds_the_shards_that_were_loaded_until_the_first_step() -> None:
    plain, trainer = both()
    before, after = (moment(made, "fsdp1", "setup", "model wrapped") for made in (plain, trainer))
    assert (before.bytes, after.bytes) == (4 * P // 8, 6 * P // 8)
    pure = both(precision="bf16_pure")[1]
    assert moment(pure, "fsdp1", "setup", "model wrapped").bytes == 2 * P // 8


def test_fsdp1_gathers_one_layer_at_a_time_in_backward() -> None:
    plain, trainer = both()
    for made, loss, inside in ((plain, 1, 2), (trainer, 0, 1)):
        at_loss = moment(made, "fsdp1", "backward", "loss")
        assert bytes_of(at_loss, "gathered_layers") == loss * 2 * LAYER
        in_layer = moments(made, "fsdp1", "backward", "layer 2, MLP")[0]
        assert bytes_of(in_layer, "gathered_layers") == inside * 2 * LAYER
