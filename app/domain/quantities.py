"""Parameter counts of one model under one training method: computed once, then cached.

What the memory of a step depends on besides the job's knobs: how many parameters are trained, in
which layers, and which layers are distinct. A homogeneous model has one kind of layer, a mixture
with dense first layers two, and backward's peak can only lie at the first or last of a kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.adapters import Adapter, adapters_of, targets_of
from app.domain.architecture import Layer, ModelSpec
from app.domain.per_model import per_model
from app.domain.rows import Rows, rows_of
from app.domain.training import Lora, Method
from app.domain.units import ceil_div


@dataclass(frozen=True, eq=False)
class LayerKind:
    """Layers that are alike. `parameters` are resident, `trained` have gradients; per layer.

    `gathered`: elements that a sharding framework assembles to run the layer, adapters among them;
    4-bit weights travel packed, four to a 16-bit element (bnb_4bit_quant_storage).
    `adapters`: how many LoRA adapters the linears of one layer carry; `adapter_inputs`: their input
    features. `adapts_router`: whether the router has one. `folded`: elements of the packed experts
    (gate and up, down) that adapters are folded into; `folding`: elements of those adapters.
    `rows` are those of what is gathered but for packed 4-bit weights, `trained_rows` of what has a
    gradient.
    """

    layer: Layer
    count: int
    parameters: int
    trained: int
    gathered: int
    rows: Rows
    trained_rows: Rows
    adapters: int = 0
    adapter_inputs: int = 0
    adapts_router: bool = False
    folded: tuple[int, int] = (0, 0)
    folding: int = 0


@dataclass(frozen=True, eq=False)
class Stop:
    """Backward at one layer: `up_to` layers of each kind, itself included, not yet differentiated.

    `trained_after` parameters lie in the layers behind it, whose gradients exist. `before` and
    `after` are the kinds of its neighbours, its own at the model's ends.
    """

    kind: int
    position: int
    up_to: tuple[int, ...]
    trained_after: int
    is_first_of_model: bool
    before: int
    after: int


@dataclass(frozen=True, eq=False)
class ModelQuantities:
    """Parameter counts that formulas ask for. Elements, not bytes.

    `parameters` include adapters' base model only; `adapters` are LoRA's, `folding` those of them
    on packed experts; `trained` are whatever has a gradient; `root_trained` those of them outside
    the layers, `root_rows` the rows of all that is and `root_trained_rows` of what is trained of
    it; `towers` are the parameters of a multimodal model's towers, `towers_trained` those of them
    that have gradients. `factored`: rows plus columns of every trained matrix plus whole vectors
    (Adafactor). `trained_tensors`: sizes in order. `experts`: elements of
    packed expert tensors. `stops`: where backward can peak; `ends`: those that suffice where no
    layer waits for another.
    """

    spec: ModelSpec
    parameters: int
    adapters: int
    folding: int
    trained: int
    root: int
    root_trained: int
    root_rows: Rows
    root_trained_rows: Rows
    towers: int
    towers_trained: int
    embedding: int
    head: int
    linear: int
    factored: int
    largest_trained_tensor: int
    trained_tensors: tuple[int, ...]
    kinds: tuple[LayerKind, ...]
    stops: tuple[Stop, ...]
    ends: tuple[Stop, ...]
    gathered_layers: int
    experts: int
    largest_layer: int
    last_layer: int
    first_layer_trained: int

    @property
    def tied(self) -> bool:
        return self.spec.tied_embeddings


@per_model
def quantities_of(spec: ModelSpec, method: Method, lora: Lora) -> ModelQuantities:
    """Count a model under a method.

    Raises:
        InvalidInput: a LoRA target that the model has no linear layer for.
    """
    adapted = None if method == "full" else targets_of(spec, lora)
    kinds: dict[Layer, int] = {}
    order = [kinds.setdefault(layer, len(kinds)) for layer in spec.layers]
    records = tuple(
        _kind(spec, layer, order.count(index), adapted, lora.rank, packed=method == "qlora")
        for layer, index in kinds.items()
    )
    frozen = adapted is not None
    trained_tensors = _trained_tensors(spec, adapted, lora.rank)
    adapters = sum(k.trained * k.count for k in records) if frozen else 0
    root_trained = 0 if frozen else spec.root_parameters - spec.frozen_parameters
    towers_trained = 0 if frozen else spec.tower_parameters - spec.frozen_parameters
    outside = len(spec.root_tensors_before) - spec.frozen_tensors
    root_trained_shapes = (
        []
        if frozen
        else [t.shape for t in (*spec.root_tensors_before[:outside], *spec.root_tensors_after)]
    )
    return ModelQuantities(
        spec=spec,
        parameters=spec.total_parameters,
        adapters=adapters,
        folding=sum(k.folding * k.count for k in records),
        trained=adapters if frozen else spec.total_parameters - spec.frozen_parameters,
        root=spec.root_parameters,
        root_trained=root_trained,
        root_rows=rows_of(t.shape for t in (*spec.root_tensors_before, *spec.root_tensors_after)),
        root_trained_rows=rows_of(root_trained_shapes),
        towers=spec.tower_parameters,
        towers_trained=towers_trained,
        embedding=spec.embedding_parameters,
        head=0 if spec.tied_embeddings else spec.embedding_parameters,
        linear=spec.linear_parameters + _tower_linears(spec, method),
        factored=sum(sum(shape) if len(shape) > 1 else shape[0] for shape in trained_tensors),
        largest_trained_tensor=max((_numel(shape) for shape in trained_tensors), default=0),
        trained_tensors=tuple(_numel(shape) for shape in trained_tensors),
        kinds=records,
        stops=_stops(order, records, 2),
        ends=_stops(order, records, 1),
        gathered_layers=sum(k.gathered * k.count for k in records),
        experts=sum(t.numel for x in spec.layers for t in x.tensors if t.role == "expert"),
        largest_layer=max(k.gathered for k in records),
        last_layer=records[order[-1]].gathered,
        first_layer_trained=records[order[0]].trained,
    )


def _tower_linears(spec: ModelSpec, method: Method) -> int:
    """Of all towers where they are quantised, of trained ones where autocast casts them.

    Source: transformers/integrations/bitsandbytes.py (every nn.Linear but the head); autocast's
    cache holds casts of leaves that require gradients alone, aten/src/ATen/autocast_mode.cpp.
    """
    return sum(t.linear_parameters for t in spec.towers if t.trained or method == "qlora")


def _numel(shape: tuple[int, ...]) -> int:
    product = 1
    for extent in shape:
        product *= extent
    return product


def _kind(
    spec: ModelSpec,
    layer: Layer,
    count: int,
    adapted: frozenset[str] | None,
    rank: int,
    *,
    packed: bool,
) -> LayerKind:
    whole = layer.parameters
    if adapted is None:
        rows = rows_of(tensor.shape for tensor in layer.tensors)
        return LayerKind(layer, count, whole, whole, whole, rows, rows)
    adapters = adapters_of(spec, layer, adapted, rank)
    linears = [adapter for adapter in adapters if adapter.place == "linear"]
    gate_up, down = (_folded(layer, adapters, place) for place in ("gate_up", "down"))
    trained = sum(adapter.elements for adapter in adapters)
    shapes = [shape for adapter in adapters for shape in adapter.shapes]
    frozen = [t.shape for t in layer.tensors if not (packed and t.role == "linear")]
    if packed:
        whole -= layer.linear_parameters - ceil_div(layer.linear_parameters, 4)
    return LayerKind(
        layer=layer,
        count=count,
        parameters=layer.parameters,
        trained=trained,
        gathered=whole + trained,
        rows=rows_of((*frozen, *shapes)),
        trained_rows=rows_of(shapes),
        adapters=len(linears),
        adapter_inputs=sum(adapter.inputs for adapter in linears),
        adapts_router=any(adapter.place == "router" for adapter in adapters),
        folded=(gate_up, down),
        folding=sum(a.elements for a in adapters if a.place in ("gate_up", "down")),
    )


def _folded(layer: Layer, adapters: tuple[Adapter, ...], place: str) -> int:
    """Elements of the packed experts' tensor that an adapter of this place belongs to."""
    experts = layer.moe.experts if layer.moe else 0
    return sum(experts * a.inputs * a.outputs for a in adapters if a.place == place)


def _trained_tensors(
    spec: ModelSpec, adapted: frozenset[str] | None, rank: int
) -> list[tuple[int, ...]]:
    if adapted is None:
        return [tensor.shape for tensor in spec.trainable_tensors]
    of_layer = {layer: adapters_of(spec, layer, adapted, rank) for layer in set(spec.layers)}
    return [shape for x in spec.layers for adapter in of_layer[x] for shape in adapter.shapes]


def _stops(order: list[int], records: tuple[LayerKind, ...], depth: int) -> tuple[Stop, ...]:
    """Where backward can peak: the first and last `depth` layers of each kind.

    Memory between them is linear in the position. Frameworks that gather and reduce layer by layer
    need two: the model's last layer has no reduction behind it and its first nothing to prefetch,
    so the next of their kind can be higher.
    """
    positions = set()
    for kind in range(len(records)):
        found = [position for position, own in enumerate(order) if own == kind]
        positions |= {*found[:depth], *found[-depth:]}
        if depth > 1:
            positions |= set(_first_of_each_neighbourhood(order, found))
    return tuple(_stop(order, records, position) for position in sorted(positions, reverse=True))


def _first_of_each_neighbourhood(order: list[int], found: list[int]) -> Iterable[int]:
    """Of layers of one kind, the first for each pair of kinds beside it."""
    last = len(order) - 1
    pairs = {(order[max(p - 1, 0)], order[min(p + 1, last)]): p for p in reversed(found)}
    return pairs.values()


def _stop(order: list[int], records: tuple[LayerKind, ...], position: int) -> Stop:
    behind = order[position + 1 :]
    return Stop(
        kind=order[position],
        position=position + 1,
        up_to=tuple(order[: position + 1].count(k) for k in range(len(records))),
        trained_after=sum(records[k].trained for k in behind),
        is_first_of_model=position == 0,
        before=order[max(position - 1, 0)],
        after=order[min(position + 1, len(order) - 1)],
    )


@per_model
def stop_at(q: ModelQuantities, position: int) -> Stop:
    """Backward at the layer of this position, counted from 1 at the embedding's side."""
    of_layer = {kind.layer: index for index, kind in enumerate(q.kinds)}
    return _stop([of_layer[layer] for layer in q.spec.layers], q.kinds, position - 1)
