"""The engines of the plain loop: each wraps a case's model and knows how to step it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.measure.cases import Plan
from benchmarks.measure.deepspeed_config import deepspeed_config, stage
from benchmarks.measure.models import (
    add_adapters,
    build_model,
    compute_dtype,
    decoder_layers,
    fuse_loss,
    quantize,
    weight_dtype,
)
from benchmarks.measure.optimizers import make_optimizer
from benchmarks.measure.ranks import is_distributed

TORCH_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass
class Wrapped:
    """A model ready to train. `optimizer` is None where the engine has its own."""

    model: Any
    optimizer: Any
    autocast: torch.dtype | None = None


def wrap(plan: Plan, device: torch.device) -> Wrapped:
    """Build the case's model under the case's engine."""
    return _ENGINES[plan.strategy.engine](plan, device)


def _dressed(plan: Plan, model: Any, fp32_adapters: bool) -> Any:
    """Adapters, checkpointing and the fused loss, as a training script puts them on."""
    training = plan.job.training
    if training.fused_loss:
        fuse_loss(model)
    model = add_adapters(plan, model, fp32_adapters)
    if training.activation_checkpointing:
        if training.method != "full":
            model.enable_input_require_grads()
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.train()
    return model


def _on_device(plan: Plan, device: torch.device) -> Any:
    model = build_model(plan, device)
    if plan.job.training.method == "qlora":
        model = quantize(model, compute_dtype(plan), device)
    return model


def _optimizer(plan: Plan, model: Any) -> Any:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    training = plan.job.training
    return make_optimizer(training.optimizer, training.optimizer_kernel, trained)


def _ddp(plan: Plan, device: torch.device) -> Wrapped:
    """DDP, or the bare model where one process trains alone."""
    model = _dressed(plan, _on_device(plan, device), fp32_adapters=True)
    if is_distributed(plan):
        devices = [device.index] if device.type == "cuda" else None
        model = torch.nn.parallel.DistributedDataParallel(model, device_ids=devices)
    mixed = plan.job.training.precision in {"bf16_mixed", "fp16_mixed"}
    return Wrapped(model, _optimizer(plan, model), compute_dtype(plan) if mixed else None)


def _fsdp2(plan: Plan, device: torch.device) -> Wrapped:
    """`fully_shard` on every layer, then on the root."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import CPUOffloadPolicy, MixedPrecisionPolicy, fully_shard

    model = _dressed(plan, build_model(plan, "meta"), fp32_adapters=False)
    options: dict[str, Any] = {"reshard_after_forward": plan.strategy.regathers}
    precision = plan.job.training.precision
    reduce = TORCH_DTYPES[plan.reduce_dtype]
    if precision == "bf16_pure":
        only_bf16 = reduce if reduce == torch.bfloat16 else None
        options["mp_policy"] = MixedPrecisionPolicy(reduce_dtype=only_bf16)
    elif precision != "fp32":
        options["mp_policy"] = MixedPrecisionPolicy(
            param_dtype=compute_dtype(plan), reduce_dtype=reduce
        )
    on_cpu = plan.strategy.parameters_on == "cpu"
    if on_cpu:
        options["offload_policy"] = CPUOffloadPolicy()
    if plan.strategy.shard_parameters == "node":
        hardware = plan.job.hardware
        options["mesh"] = init_device_mesh(
            device.type,
            (int(hardware.nodes), int(hardware.gpus_per_node)),
            mesh_dim_names=("replicate", "shard"),
        )
    for layer in decoder_layers(model):
        fully_shard(layer, **options)
    fully_shard(model, **options)
    _materialise(model, device, on_cpu)
    return Wrapped(model, _optimizer(plan, model))


def _materialise(model: Any, device: torch.device, on_cpu: bool) -> None:
    """Random weights in place of the meta device's; buffers always live on the GPU."""
    model.to_empty(device="cpu" if on_cpu else device)
    for buffer in model.buffers():
        buffer.data = torch.zeros_like(buffer, device=device)
    with torch.no_grad():
        for parameter in model.parameters():
            local = parameter.to_local() if hasattr(parameter, "to_local") else parameter
            local.normal_(0, 0.02)


class _Materialiser:
    """Gives a module of the meta device real parameters; shared ones stay shared.

    `Module.to_empty` would untie the head from the embeddings, which nobody's training does.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._made: dict[torch.nn.Parameter, torch.nn.Parameter] = {}

    def __call__(self, module: torch.nn.Module) -> None:
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter not in self._made:
                real = torch.empty_like(parameter, device=self._device).normal_(0, 0.02)
                self._made[parameter] = torch.nn.Parameter(real, parameter.requires_grad)
            setattr(module, name, self._made[parameter])
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, torch.zeros_like(buffer, device=self._device))


def _fsdp1(plan: Plan, device: torch.device) -> Wrapped:
    """FullyShardedDataParallel with one unit per layer."""
    from torch.distributed.fsdp import (
        BackwardPrefetch,
        FullyShardedDataParallel,
        MixedPrecision,
        ShardingStrategy,
    )
    from torch.distributed.fsdp.wrap import transformer_auto_wrap_policy

    model = _dressed(plan, build_model(plan, "meta"), fp32_adapters=False)
    layer = type(decoder_layers(model)[0])
    mixed = None
    if plan.job.training.precision in {"bf16_mixed", "fp16_mixed"}:
        half = compute_dtype(plan)
        mixed = MixedPrecision(half, TORCH_DTYPES[plan.reduce_dtype], half)
    full = ShardingStrategy.FULL_SHARD
    model = FullyShardedDataParallel(
        model,
        auto_wrap_policy=functools.partial(
            transformer_auto_wrap_policy, transformer_layer_cls={layer}
        ),
        mixed_precision=mixed,
        device_id=device,
        use_orig_params=True,
        sharding_strategy=full if plan.strategy.regathers else ShardingStrategy.SHARD_GRAD_OP,
        param_init_fn=_Materialiser(device),
        backward_prefetch=BackwardPrefetch.BACKWARD_PRE,
        limit_all_gathers=True,
    )
    return Wrapped(model, _optimizer(plan, model))


def _deepspeed(plan: Plan, device: torch.device) -> Wrapped:
    """ZeRO; at stage 3 the model is partitioned while it is built."""
    import deepspeed
    from transformers.initialization import no_init_weights

    config = deepspeed_config(plan)
    deepspeed.init_distributed("nccl")
    if stage(plan) == 3:
        # Some classes draw their weights by the size of a tensor, which is 0 once partitioned.
        with (
            no_init_weights(),
            deepspeed.zero.Init(config_dict_or_path=config, dtype=weight_dtype(plan)),
        ):
            model = build_model(plan, None)
    else:
        model = _on_device(plan, device)
    model = _dressed(plan, model, fp32_adapters=False)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    own = None if "optimizer" in config else _optimizer(plan, model)
    engine, *_ = deepspeed.initialize(
        model=model, optimizer=own, model_parameters=trained, config=config
    )
    return Wrapped(engine, None)


_ENGINES: dict[str, Callable[[Plan, torch.device], Wrapped]] = {
    "ddp": _ddp,
    "fsdp1": _fsdp1,
    "fsdp2": _fsdp2,
    "zero12": _deepspeed,
    "zero3": _deepspeed,
}
