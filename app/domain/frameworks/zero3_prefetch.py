"""What DeepSpeed's stage 3 holds gathered: a replay of its parameter coordinator.

The coordinator records the order in which modules run in the first step: forward, then backward
with, under checkpointing, the recomputation of each layer. From then on every module that starts,
those without parameters of their own too, gathers what it lacks and prefetches the next parameters
of the recorded order, up to a bucket, while fewer than `stage3_max_live_parameters` are gathered.
A module that ends lets go of its parameters unless they are used again within
`stage3_max_reuse_distance` elements or the prefetcher has already passed their next use.

Two things make more bytes than that: parameters fetched together arrive in one flat buffer, which
is copied parameter by parameter at the first use and lives until the last; and a weight that
autograd saves (any matrix product but `F.linear`, which DeepSpeed replaces by one that fetches
again) keeps its storage from forward until its backward, whatever the coordinator releases.

None of it depends on the number of ranks.
Source: deepspeed/runtime/zero/partitioned_param_coordinator.py (fetch_sub_module,
release_sub_module, __params_to_release), partition_parameters.py (AllGatherCoalescedHandle),
linear.py (LinearFunctionForZeroStage3), 0.19.8.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple

from app.domain.architecture import ModelSpec, Tensor
from app.domain.per_model import per_model
from app.domain.training import DeepSpeedOptions

# transformers' linears that multiply without F.linear: FalconLinear, GPT-2's Conv1D.
# Source: modeling_falcon.py; pytorch_utils.py.
SAVES_LINEAR_WEIGHTS = frozenset({"falcon", "gpt2"})

Own = tuple[int, ...]
What = Literal["forward", "end of forward", "backward", "end of backward", "loss", "layers"]


class Gathered(NamedTuple):
    """Elements gathered at once in a steady step, flat buffers and saved weights among them.

    `at_loss`: at the end of forward. `in_head`: the most from there until the last layer's
    backward. `in_layers`: the most when a gradient of a layer is made, first layer first.
    `at_embedding`: when the embedding's is. `at_gradients`: when each parameter's gradient is, in
    the order in which they are registered.
    """

    at_loss: int
    in_head: int
    in_layers: tuple[int, ...]
    at_embedding: int
    at_gradients: tuple[int, ...]


class _Settings(NamedTuple):
    live: int
    reuse: int
    bucket: int
    persistent: int
    recomputes: bool


def gathered(spec: ModelSpec, options: DeepSpeedOptions, *, recomputes: bool) -> Gathered:
    """The elements gathered along one step of a model; `recomputes`: with checkpointing."""
    return _replay(
        spec,
        _Settings(
            options.stage3_max_live_parameters,
            options.stage3_max_reuse_distance,
            options.stage3_prefetch_bucket_size,
            options.stage3_param_persistence_threshold,
            recomputes,
        ),
    )


@per_model
def _replay(spec: ModelSpec, settings: _Settings) -> Gathered:
    modules = _Modules(spec, settings.persistent)
    run = _Run(settings, modules)
    for event in modules.events(recomputes=settings.recomputes):
        run.follow(event)
    always = spec.total_parameters - sum(modules.sizes)
    at_gradients = [always] * len(modules.large)
    for position in range(len(modules.large) - 1, -1, -1):
        large = modules.large[position]
        if large is not None:
            at_gradients[position] = always + run.at_gradients[large]
        elif position + 1 < len(modules.large):
            at_gradients[position] = at_gradients[position + 1]
    ends = list(accumulate((len(x.tensors) for x in spec.layers), initial=modules.before))
    return Gathered(
        at_loss=always + run.at_loss,
        in_head=always + run.in_head,
        in_layers=tuple(max(at_gradients[a:b]) for a, b in pairwise(ends)),
        at_embedding=at_gradients[0],
        at_gradients=tuple(at_gradients),
    )


class _Event(NamedTuple):
    """A module starts or ends."""

    what: What
    own: Own


class _Module(NamedTuple):
    """A module's own large parameters and its children's, in registration order."""

    own: Own
    children: tuple[_Module, ...]


class _Modules:
    """The modules of a model, its parameters numbered; those that are never released left out.

    `large`: the number of each registered parameter, None where it is never released.
    """

    def __init__(self, spec: ModelSpec, persistent: int) -> None:
        self.sizes: list[int] = []
        self.saved: list[bool] = []
        self.large: list[int | None] = []
        self.before = len(spec.root_tensors_before)
        self._persistent = persistent
        self._saves_linears = spec.model_type in SAVES_LINEAR_WEIGHTS
        self._before = self._tree(spec.root_tensors_before)
        self._layers = [self._tree(layer.tensors) for layer in spec.layers]
        self._after = self._tree(spec.root_tensors_after)
        embedding = next((m.own for m in _forward(self._before) if m.own), ())
        self._tied: Own = embedding[:1] if spec.tied_embeddings else ()

    def _tree(self, tensors: Iterable[Tensor]) -> _Module:
        own: dict[str, list[int]] = {"": []}
        for tensor in tensors:
            parts = tensor.name.split(".")[:-1]
            for depth in range(1, len(parts) + 1):
                own.setdefault(".".join(parts[:depth]), [])
            large = tensor.numel > self._persistent
            self.large.append(len(self.sizes) if large else None)
            if large:
                own[".".join(parts)].append(len(self.sizes))
                self.sizes.append(tensor.numel)
                saves = tensor.role == "linear" and self._saves_linears
                self.saved.append(tensor.role == "expert" or saves)

        def module(path: str) -> _Module:
            inside = (p for p in own if p and p.rpartition(".")[0] == path)
            return _Module(tuple(own[path]), tuple(module(p) for p in inside))

        return module("")

    def events(self, *, recomputes: bool) -> Iterator[_Event]:
        """The recorded order of one step."""
        tied = _Module(self._tied, ())
        for module in (self._before, *self._layers, self._after, tied):
            yield from _run_forward(module)
        yield _Event("loss", ())
        for module in (tied, self._after):
            yield from _run_backward(module)
        yield _Event("layers", ())
        for layer in reversed(self._layers):
            yield from _run_backward(layer, tuple(_run_forward(layer)) if recomputes else ())
        yield from _run_backward(self._before)


def _forward(module: _Module) -> Iterator[_Module]:
    yield module
    for child in module.children:
        yield from _forward(child)


def _run_forward(module: _Module) -> Iterator[_Event]:
    for each in _forward(module):
        yield _Event("forward", each.own)
        yield _Event("end of forward", each.own)


def _run_backward(module: _Module, recomputed: tuple[_Event, ...] = ()) -> Iterator[_Event]:
    """Last child first. The first gradient that needs a saved tensor has the layer recomputed."""
    waiting = list(recomputed)

    def walk(each: _Module) -> Iterator[_Event]:
        yield _Event("backward", each.own)
        if each.own:
            yield from waiting
            waiting.clear()
        for child in reversed(each.children):
            yield from walk(child)
        yield _Event("end of backward", each.own)

    return walk(module)


@dataclass(eq=False)
class _Fetch:
    """Parameters gathered by one call. `flat`: the elements of their common buffer."""

    parameters: list[int]
    flat: int
    unused: set[int]
    copied: bool = False


@dataclass(eq=False)
class _Run:
    """The coordinator's state while a step runs, and the elements alive at each gradient."""

    settings: _Settings
    modules: _Modules
    elements: int = 0
    at_loss: int = 0
    in_head: int = 0
    at_gradients: dict[int, int] = field(default_factory=dict)
    _most: int = 0
    _live: int = 0
    _step: int = 0
    _queued: int = 0
    _available: set[int] = field(default_factory=set)
    _fetched: dict[int, _Fetch] = field(default_factory=dict)
    _users: dict[int, set[Own]] = field(default_factory=dict)
    _passed: dict[int, int] = field(default_factory=dict)
    _kept_by_autograd: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        recomputes = self.settings.recomputes
        order = [
            event.own
            for event in self.modules.events(recomputes=recomputes)
            if event.what in ("forward", "backward")
        ]
        self._queue = [(p, step) for step, own in enumerate(order) for p in own]
        sizes = self.modules.sizes
        self._before = [0, *accumulate(sum(sizes[p] for p in own) for own in order)]
        self._uses: dict[int, list[int]] = {}
        for parameter, step in self._queue:
            self._uses.setdefault(parameter, []).append(step)

    def follow(self, event: _Event) -> None:
        """One module starts or ends."""
        if event.what == "loss":
            self.at_loss = self._most = self.elements
        elif event.what == "layers":
            self.in_head = self._most
        elif event.what in ("forward", "backward"):
            self._start(event.own)
        else:
            self._end(event.own, backward=event.what == "end of backward")

    def _note(self) -> None:
        self._most = max(self._most, self.elements)

    def _start(self, own: Own) -> None:
        self._gather(own)
        for parameter in own:
            self._users.setdefault(parameter, set()).add(own)
            self._use(parameter)
        self._leave_queue({p for p in own if self._passed.get(p, -1) < self._step})
        self._prefetch()
        self._step += 1
        self._note()

    def _leave_queue(self, found: set[int]) -> None:
        """What runs now is no longer to be prefetched."""
        end = self._queued + len(found)
        for parameter, step in self._queue[self._queued : end]:
            self._passed[parameter] = step
        self._queued = end

    def _prefetch(self) -> None:
        room = min(self.settings.live - self._live, self.settings.bucket)
        ahead: list[int] = []
        elements = 0
        while self._queued < len(self._queue) and elements < room:
            parameter, step = self._queue[self._queued]
            self._queued += 1
            self._passed[parameter] = max(self._passed.get(parameter, -1), step)
            if parameter not in self._available and parameter not in ahead:
                ahead.append(parameter)
                elements += self.modules.sizes[parameter]
        self._gather(ahead)

    def _gather(self, parameters: Iterable[int]) -> None:
        missing = [p for p in parameters if p not in self._available]
        if not missing:
            return
        elements = sum(self.modules.sizes[p] for p in missing)
        flat = elements if len(missing) > 1 else 0
        fetch = _Fetch(missing, flat, set(missing))
        self._available.update(missing)
        self._fetched.update(dict.fromkeys(missing, fetch))
        self._live += elements
        self.elements += elements
        self._note()

    def _use(self, parameter: int) -> None:
        """The first use of a flat buffer copies all of it out; the last lets go of it."""
        fetch = self._fetched.pop(parameter, None)
        if fetch is None:
            return
        if not fetch.copied:
            fetch.copied = True
            self.elements += fetch.flat
            self._note()
        fetch.unused.discard(parameter)
        if not fetch.unused:
            self.elements -= fetch.flat

    def _end(self, own: Own, *, backward: bool) -> None:
        if backward:
            self.at_gradients.update(dict.fromkeys(own, self.elements))
        for parameter in own:
            users = self._users[parameter]
            users.discard(own)
            if parameter in self._available and not users and not self._wanted_soon(parameter):
                self._release(parameter, backward=backward)
            if backward:
                self.elements -= self._kept_by_autograd.pop(parameter, 0)

    def _wanted_soon(self, parameter: int) -> bool:
        if self._passed.get(parameter, -1) > self._step:
            return True
        uses = self._uses[parameter]
        following = bisect_left(uses, self._step)
        if following == len(uses):
            return False
        between = self._before[uses[following]] - self._before[self._step]
        return between < self.settings.reuse

    def _release(self, parameter: int, *, backward: bool) -> None:
        size = self.modules.sizes[parameter]
        self._available.discard(parameter)
        self._live -= size
        # Under checkpointing nothing is saved in forward, and what is recomputed is still in use.
        if not backward and self.modules.saved[parameter] and not self.settings.recomputes:
            self._kept_by_autograd[parameter] = size
        else:
            self.elements -= size
