"""What the GPUs send each other in one optimizer step.

Symbols: W gathered parameters, T trained ones, g and r bytes of a gathered and of a reduced
element, A accumulation steps, N ranks, n nodes. An all-gather and a reduce-scatter of Ψ elements
each move Ψ, an all-reduce moves both; a ring spares every rank its own share, (N - 1) ÷ N.
Source: ZeRO, Rajbhandari et al., 2020, section 7: 2Ψ for data parallelism and stages 1 and 2, 3Ψ
for stage 3.
"""

from __future__ import annotations

from typing import NamedTuple

from app.domain.frameworks import ENGINES
from app.domain.job import Job
from app.domain.quantities import ModelQuantities
from app.domain.strategies import Strategy
from app.domain.traffic.flow import Flow
from app.domain.units import Integer, ceil_div

_PAPER = "https://arxiv.org/abs/1910.02054"
_HSDP = (
    "PyTorch FSDP, section 3.2.2: hybrid sharding reduces inside a group, then across",
    "https://arxiv.org/abs/2304.11277",
)


class Communication(NamedTuple):
    """Bytes that collectives move in one optimizer step.

    `flows` are per GPU; `between_nodes` is what each node sends to the others, 0 on one node.
    """

    flows: tuple[Flow, ...]
    between_nodes: Integer

    @property
    def sent(self) -> Integer:
        """Bytes that each GPU sends."""
        return sum(flow.bytes for flow in self.flows)


def communication(job: Job, strategy: Strategy, q: ModelQuantities) -> Communication:
    """The collectives of one optimizer step, all micro-batches of its accumulation included."""
    if strategy.shard_parameters == "none":
        return _replicated(job, strategy, q)
    if strategy.shard_parameters == "node":
        return _hybrid(job, strategy, q)
    return _sharded(job, strategy, q)


def _replicated(job: Job, strategy: Strategy, q: ModelQuantities) -> Communication:
    """Parameters on every rank: gradients are averaged; a sharded optimizer's results gathered.

    Without sharded gradients only the last micro-batch of a step communicates (DDP's no_sync,
    stage 1's accumulation boundary); sharded ones are reduced after each.
    """
    engine = ENGINES[strategy.engine]
    ranks, reduced = job.hardware.world_size, engine.reduced_bytes(job)
    if strategy.shard_optimizer == "none":
        flow = _flow(
            "Gradients, all-reduced",
            "2 × T × r × (N - 1) ÷ N",
            2 * q.trained * reduced,
            {"T": q.trained, "r": reduced, "N": ranks},
            "ZeRO, section 7.1: an all-reduce moves 2Ψ",
        )
        return _communication(job, (flow,), 2 * q.trained * reduced)
    times = job.training.gradient_accumulation_steps if strategy.shard_gradients != "none" else 1
    gathered = engine.gathered_bytes(job)
    flows = (
        _reduce_scatter(job, q, reduced, times, "ZeRO, section 7.2.1: Ψ to reduce, Ψ to gather"),
        _flow(
            "Updated parameters, all-gathered",
            "T × g × (N - 1) ÷ N",
            q.trained * gathered,
            {"T": q.trained, "g": gathered, "N": ranks},
            "ZeRO, section 7.2.1: Ψ to reduce, Ψ to gather",
        ),
    )
    return _communication(job, flows, q.trained * (times * reduced + gathered))


def _sharded(job: Job, strategy: Strategy, q: ModelQuantities) -> Communication:
    """Parameters on all ranks: gathered for forward, again for backward unless they are kept."""
    engine = ENGINES[strategy.engine]
    times, ranks = job.training.gradient_accumulation_steps, job.hardware.world_size
    gathered, reduced = engine.gathered_bytes(job), engine.reduced_bytes(job)
    gathers = 2 if strategy.regathers else 1
    reductions = _reductions(job, strategy)
    model = gathered_elements(q)
    said = f"ZeRO, section 7.2.2: {'2' * (gathers > 1)}Ψ to gather, Ψ to reduce"
    flows = (
        _flow(
            "Parameters, all-gathered",
            "k × A × W × g × (N - 1) ÷ N",
            gathers * times * model * gathered,
            {"k": gathers, "A": times, "W": model, "g": gathered, "N": ranks},
            said,
        ),
        _reduce_scatter(job, q, reduced, reductions, said),
    )
    total = times * gathers * model * gathered + reductions * q.trained * reduced
    return _communication(job, flows, total)


def _hybrid(job: Job, strategy: Strategy, q: ModelQuantities) -> Communication:
    """Sharded inside a node; each shard's gradients are all-reduced with the other nodes'."""
    engine, hardware = ENGINES[strategy.engine], job.hardware
    inside = job.hardware.gpus_per_node
    times, nodes = job.training.gradient_accumulation_steps, hardware.nodes
    gathered, reduced = engine.gathered_bytes(job), engine.reduced_bytes(job)
    gathers = 2 if strategy.regathers else 1
    reductions = _reductions(job, strategy)
    model = gathered_elements(q)
    source, url = _HSDP
    across = 2 * reductions * ceil_div(q.trained, inside) * reduced
    flows = (
        Flow(
            "Parameters, all-gathered inside a node",
            "network",
            _ring(gathers * times * model * gathered, inside),
            "k × A × W × g × (N - 1) ÷ N",
            {"k": gathers, "A": times, "W": model, "g": gathered, "N": inside},
            source,
            url,
        ),
        Flow(
            "Gradients, reduce-scattered inside a node",
            "network",
            _ring(reductions * q.trained * reduced, inside),
            "A × T × r × (N - 1) ÷ N",
            {"A": reductions, "T": q.trained, "r": reduced, "N": inside},
            source,
            url,
        ),
        Flow(
            "Gradients, all-reduced across nodes",
            "network",
            _ring(across, nodes),
            "2 × A × T ÷ N × r × (n - 1) ÷ n",
            {"A": reductions, "T": q.trained, "N": inside, "r": reduced, "n": nodes},
            source,
            url,
        ),
    )
    return Communication(flows, inside * _ring(across, nodes))


def _reductions(job: Job, strategy: Strategy) -> int:
    """How often a step reduces sharded gradients: for each micro-batch, or for the last alone."""
    if job.options.recipe.defers_reduction and strategy.framework == "pytorch_fsdp":
        return 1
    return job.training.gradient_accumulation_steps


def gathered_elements(q: ModelQuantities) -> int:
    """Elements that a sharding framework assembles for one pass: layers, adapters and the root."""
    return q.gathered_layers + q.root


def _reduce_scatter(job: Job, q: ModelQuantities, reduced: int, times: int, source: str) -> Flow:
    return _flow(
        "Gradients, reduce-scattered",
        "A × T × r × (N - 1) ÷ N",
        times * q.trained * reduced,
        {"A": times, "T": q.trained, "r": reduced, "N": job.hardware.world_size},
        source,
    )


def _flow(
    label: str, equation: str, volume: Integer, symbols: dict[str, Integer], source: str
) -> Flow:
    """A flow whose volume a ring of N ranks moves."""
    return Flow(label, "network", _ring(volume, symbols["N"]), equation, symbols, source, _PAPER)


def _communication(job: Job, flows: tuple[Flow, ...], volume: Integer) -> Communication:
    return Communication(flows, _ring(volume, job.hardware.nodes))


def _ring(volume: Integer, ranks: Integer) -> Integer:
    """What one of `ranks` participants sends of a collective's volume."""
    return ceil_div(volume * (ranks - 1), ranks)
