"""PyTorch DistributedDataParallel, and plain training on one GPU: everything is replicated."""

from __future__ import annotations

from app.domain.formulas import buffers, states
from app.domain.formulas.registry import Bundle, Term
from app.domain.frameworks.state import (
    frozen_size,
    optimizer_state_terms,
    step_temporary_terms,
    weight_terms,
    workspace_terms,
)
from app.domain.job import Job, Moment, Timeline
from app.domain.precision import BF16, FP32, Numerics
from app.domain.quantities import ModelQuantities
from app.domain.step_activations import StepActivations
from app.domain.strategies import Strategy
from app.domain.training import PrecisionId
from app.domain.units import smallest

NUMERICS: dict[PrecisionId, Numerics] = {
    "bf16_mixed": Numerics(FP32, FP32, FP32, "autocast"),
    "fp16_mixed": Numerics(FP32, FP32, FP32, "autocast"),
    "bf16_pure": Numerics(BF16, BF16, BF16, "half"),
    "fp32": Numerics(FP32, FP32, FP32, "full"),
}


def adapter_bytes(job: Job) -> int:
    """PEFT trains adapters in fp32 (autocast_adapter_dtype)."""
    return FP32


def gradient_bytes(job: Job) -> int:
    """Bytes per element of a gradient, which is what DDP all-reduces; DDP gathers nothing."""
    return NUMERICS[job.training.precision].gradients if job.training.method == "full" else FP32


def timeline(job: Job, strategy: Strategy, q: ModelQuantities, step: StepActivations) -> Timeline:
    """DDP keeps weights, a bucket copy of the gradients and the states on every rank.

    Source: torch/nn/parallel/distributed.py, torch/csrc/distributed/c10d/reducer.cpp.
    """
    training = job.training
    numerics = NUMERICS[training.precision]
    full = training.method == "full"
    trained_size = numerics.weights if full else FP32
    gradient_size = gradient_bytes(job)
    base_size = numerics.weights if full else frozen_size(job)
    wrapped = smallest(job.hardware.world_size - 1, 1)

    setup = (
        *weight_terms(job, q, base_size, FP32, 1),
        buffers.ddp_buckets(k=wrapped, T=q.trained, B=gradient_size),
    )
    resident = Bundle(
        *setup,
        *optimizer_state_terms(job, q, trained_size, 1, flat=False),
        *workspace_terms(job),
    )
    gradients = states.gradients(T=q.trained, B=gradient_size, N=1)
    accumulating = training.gradient_accumulation_steps > 1
    waiting = (gradients,) if accumulating else ()
    cached = _autocast_casts(job, q, step, in_forward=True)
    casts = _autocast_casts(job, q, step, in_forward=False)

    moments = [
        Moment("setup", "model wrapped", setup),
        Moment("resident", "between steps", (resident,)),
        Moment("forward", "loss", (resident, *waiting, *cached, step.all_kept, step.loss.forward)),
        Moment("backward", "loss", (resident, *waiting, *casts, step.all_kept, step.loss.backward)),
    ]
    if mixing := step.last_with_scratch():
        before = (resident, *waiting, *cached, *step.before_layers)
        inside_it = step.in_forward(mixing)[0]
        moments.append(Moment("forward", "mixer", (*before, inside_it)))
    # Trainer looks for unused parameters without checkpointing, and always in a PEFT model.
    searches = job.options.recipe.clones_outputs and (
        not training.activation_checkpointing or not full
    )
    if searches:
        outputs = step.loss.cloned(wrapped)
        returned = (resident, *waiting, *cached, step.all_kept, outputs)
        moments.append(Moment("forward", "outputs cloned", returned))
    head = q.root_trained and q.embedding
    for stop in q.ends:
        kind = q.kinds[stop.kind]
        behind = head + stop.trained_after
        done = states.gradients(T=behind, B=gradient_size, N=1)
        own_casts = _casts_in_layer(q, step, stop.up_to, kind.layer.linear_parameters)
        for inside in step.inside(stop):
            grown = waiting if accumulating else (done,)
            moments.append(
                Moment(
                    "backward",
                    f"layer {stop.position}, {inside.label}",
                    (resident, *grown, *own_casts, inside.terms),
                )
            )
    extra = _extra_embedding_gradients(q, step, accumulating=accumulating) if full else 0
    last = states.embedding_gradient(k=extra, E=q.embedding, B=gradient_size)
    moments.append(Moment("backward", "embedding", (resident, gradients, last)))
    temporary = step_temporary_terms(
        job, q, trained_size, 1, foreach=training.optimizer_kernel == "foreach", flat=False
    )
    moments.append(Moment("step", "optimizer", (resident, gradients, *temporary)))
    # With accumulation the forward that rebuilds the buckets comes before any state exists.
    rebuilds = not (searches or accumulating)
    race = gradients.bytes * wrapped if training.optimizer == "adamw" and rebuilds else 0
    return Timeline(moments, 0, 0, race, [])


def _extra_embedding_gradients(
    q: ModelQuantities, step: StepActivations, *, accumulating: bool
) -> int:
    """Gradients of the embedding's size alive at the end of backward beyond the one that is kept.

    A tied head's is added to the embedding's: in place under autocast, into a third tensor in a
    16-bit stream. An untied embedding's is made before it is added to the accumulated one.
    """
    if q.tied:
        return 2 if step.stream.id == "half" else 1
    return int(accumulating)


def _autocast_casts(
    job: Job, q: ModelQuantities, step: StepActivations, *, in_forward: bool
) -> tuple[Term, ...]:
    """The cache holds every cast until autocast's context is left; autograd those that it saved."""
    if not step.stream.autocast:
        return ()
    if job.training.method == "qlora":
        return (buffers.autocast_weights(x=q.embedding),)
    if job.training.method == "lora":
        kept = in_forward or not step.checkpointing
        return (buffers.autocast_weights(x=q.adapters - q.folding),) if kept else ()
    layers = q.linear if in_forward or not step.checkpointing else 0
    return (buffers.autocast_weights(x=layers + q.embedding),)


def _casts_in_layer(
    q: ModelQuantities, step: StepActivations, up_to: tuple[int, ...], own: int
) -> tuple[Term, ...]:
    if not step.stream.autocast or not q.root_trained:
        return ()
    if step.checkpointing:
        return (buffers.autocast_weights(x=own),)
    alive = sum(
        count * kind.layer.linear_parameters for kind, count in zip(q.kinds, up_to, strict=True)
    )
    return (buffers.autocast_weights(x=alive),)
