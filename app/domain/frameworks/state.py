"""Terms for training state that every framework builds the same way, given its numbers."""

from __future__ import annotations

from app.domain.formulas import buffers, states
from app.domain.formulas.registry import Term
from app.domain.job import Job
from app.domain.optimizers import OPTIMIZERS
from app.domain.precision import BF16, FP32
from app.domain.quantities import ModelQuantities
from app.domain.units import Integer


def weight_terms(
    job: Job, q: ModelQuantities, size: int, adapter_size: int, ranks: Integer
) -> tuple[Term, ...]:
    """The model at rest: quantised, frozen or trained, and its adapters."""
    if job.training.method == "full":
        return (states.weights(P=q.parameters, B=size, N=ranks),)
    adapters = states.adapter_weights(T=q.adapters, B=adapter_size, N=ranks)
    if job.training.method == "lora":
        return (states.weights(P=q.parameters, B=size, N=ranks), adapters)
    return (
        states.quantised_weights(lin=q.linear, N=ranks),
        states.unquantised_weights(P=q.parameters, lin=q.linear, B=size, N=ranks),
        adapters,
    )


def frozen_size(job: Job) -> int:
    """Bytes per frozen parameter: bf16 as loaded, fp32 what QLoRA leaves unquantised."""
    if job.training.method == "qlora" or job.training.precision == "fp32":
        return FP32
    return BF16


def optimizer_state_terms(
    job: Job,
    q: ModelQuantities,
    size: int,
    ranks: Integer,
    *,
    flat: bool,
    trained: Integer | None = None,
) -> tuple[Term, ...]:
    """States of the chosen optimizer over `ranks` shards.

    The recipe's 32-bit states of the embedding need the embedding: flat partitions have lost it.

    `size`: bytes per element of what is optimised. `flat`: the framework hands the optimizer flat
    one-dimensional partitions, which Adafactor cannot factor. `trained`: how many elements are
    optimised, where a framework optimises other than the model's own count.
    """
    elements = q.trained if trained is None else trained
    optimizer = OPTIMIZERS[job.training.optimizer]
    if not optimizer.states or optimizer.managed:
        return ()
    if optimizer.factored:
        return (states.factored_states(F=elements if flat else q.factored, N=ranks),)
    if optimizer.block:
        k = optimizer.states
        wide = q.embedding if job.options.recipe.wide_embedding_states and not flat else 0
        if not (wide and q.root_trained):
            return (states.blockwise_states(k=k, T=elements, N=ranks),)
        return (
            states.blockwise_states(k=k, T=elements - wide, N=ranks),
            states.optimizer_states(k=k, T=wide, B=FP32, N=ranks),
        )
    element = optimizer.state_bytes or size
    return (states.optimizer_states(k=optimizer.states, T=elements, B=element, N=ranks),)


def step_temporary_terms(
    job: Job,
    q: ModelQuantities,
    size: int,
    ranks: Integer,
    *,
    foreach: bool,
    flat: bool,
    trained: Integer | None = None,
) -> tuple[Term, ...]:
    """What the optimizer borrows while it steps. `foreach`: whether that kernel runs.

    `flat` and `trained` as for `optimizer_state_terms`.
    """
    elements = q.trained if trained is None else trained
    optimizer = OPTIMIZERS[job.training.optimizer]
    if optimizer.foreach_temporary and foreach:
        return (states.foreach_temporary(T=elements, B=size, N=ranks),)
    if optimizer.factored:
        largest = elements if flat else q.largest_trained_tensor
        return (states.adafactor_temporary(b=largest, N=ranks),)
    return ()


def workspace_terms(job: Job) -> tuple[Term, ...]:
    """cuBLAS workspaces, allocated at the first matrix product of each thread."""
    larger = buffers.HOPPER_WORKSPACE - buffers.OLDER_WORKSPACE
    size = buffers.OLDER_WORKSPACE + larger * job.hardware.is_hopper_or_newer
    return (buffers.cublas_workspaces(u=size),)


def optimizer_state_bytes(
    job: Job, q: ModelQuantities, size: int, ranks: Integer, *, flat: bool
) -> Integer:
    """What `optimizer_state_terms` add up to, for states that live off the GPU; per rank."""
    return sum(term.bytes for term in optimizer_state_terms(job, q, size, ranks, flat=flat))
