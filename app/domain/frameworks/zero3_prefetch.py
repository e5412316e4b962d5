"""Which parameters DeepSpeed's stage 3 holds gathered: a replay of its prefetcher.

The coordinator records the order of modules in the first step. From then on it gathers a module's
parameters when it runs, prefetches the next ones up to a bucket while fewer than
`stage3_max_live_parameters` are live, and lets go of a module's parameters unless they are used
again within `stage3_max_reuse_distance` elements. What that leaves at the loss depends on the model
and these settings alone, not on the number of ranks.

Source: deepspeed/runtime/zero/partitioned_param_coordinator.py, fetch_sub_module,
release_sub_module and __params_to_release, 0.19.8. The recorded trace has no recomputation.
"""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

from app.domain.architecture import ModelSpec, Tensor
from app.domain.per_model import per_model
from app.domain.training import DeepSpeedOptions


class _Settings(NamedTuple):
    live: int
    reuse: int
    bucket: int
    persistent: int


def live_parameters(spec: ModelSpec, options: DeepSpeedOptions) -> int:
    """Elements gathered at once at the loss of a steady step."""
    return _replay(
        spec,
        _Settings(
            options.stage3_max_live_parameters,
            options.stage3_max_reuse_distance,
            options.stage3_prefetch_bucket_size,
            options.stage3_param_persistence_threshold,
        ),
    )


@per_model
def _replay(spec: ModelSpec, settings: _Settings) -> int:
    order, sizes, forward = _uses(spec, settings.persistent)
    next_use = _next_uses(order)
    before = [0, *accumulate(sizes[parameter] for parameter in order)]
    gathered: set[int] = set()
    passed_until: dict[int, int] = {}
    live = queue = 0
    for step, parameter in enumerate(order[:forward]):
        if parameter not in gathered:
            gathered.add(parameter)
            live += sizes[parameter]
        for passed in range(queue, step + 1):
            passed_until[order[passed]] = passed
        queue = max(queue, step + 1)
        room = min(settings.live - live, settings.bucket)
        fetched = 0
        while queue < len(order) and fetched < room:
            ahead = order[queue]
            passed_until[ahead] = queue
            if ahead not in gathered:
                gathered.add(ahead)
                fetched += sizes[ahead]
            queue += 1
        live += fetched
        again = next_use[step]
        near = again is not None and before[again] - before[step + 1] < settings.reuse
        # A later use that the prefetcher has passed by is never prefetched: it is kept for it.
        if not near and passed_until.get(parameter, 0) <= step + 1:
            gathered.discard(parameter)
            live -= sizes[parameter]
    return live + spec.total_parameters - sum(sizes)


def _uses(spec: ModelSpec, persistent: int) -> tuple[list[int], list[int], int]:
    """The order in which parameters are used, by number; their sizes; how many uses are forward's.

    Parameters up to the persistence threshold are always gathered and take no part. A tied head
    uses the embedding again.
    """
    sizes: list[int] = []

    def numbered(tensors: tuple[Tensor, ...]) -> list[int]:
        large = [tensor.numel for tensor in tensors if tensor.numel > persistent]
        first = len(sizes)
        sizes.extend(large)
        return list(range(first, len(sizes)))

    before = numbered(spec.root_tensors_before)
    layers = [number for layer in spec.layers for number in numbered(layer.tensors)]
    after = numbered(spec.root_tensors_after)
    tied = before[:1] if spec.tied_embeddings else []
    forward = before + layers + after + tied
    return forward + forward[::-1], sizes, len(forward)


def _next_uses(order: list[int]) -> list[int | None]:
    """For each step, when its module runs next."""
    seen: dict[int, int] = {}
    uses: list[int | None] = [None] * len(order)
    for step in range(len(order) - 1, -1, -1):
        uses[step] = seen.get(order[step])
        seen[order[step]] = step
    return uses
