"""Accelerate's configuration file for FSDP, as `accelerate launch` reads it.

Source: accelerate/commands/config/config_args.py and utils/dataclasses.py,
FullyShardedDataParallelPlugin, 1.15.
"""

from __future__ import annotations

from app.catalog.huggingface.layer_classes import LAYER_CLASSES
from app.schemas.configurations import Configuration
from app.services.configurations.run import ACCELERATE_FILE, Run
from app.services.configurations.text import Settings, yaml_text

_VERSIONS = {"fsdp1": 1, "fsdp2": 2}
# Rank 0 alone reads the checkpoint; bitsandbytes' weights cannot be dealt out afterwards.
_ONE_RANK_LOADS = {"full": True, "lora": True, "qlora": False}


def written(run: Run) -> Configuration:
    """The file."""
    return Configuration("accelerate_yaml", ACCELERATE_FILE, yaml_text(config(run)))


def config(run: Run) -> Settings:
    """The whole file; `machine_rank` and the first node's address come with the launch."""
    hardware = run.job.hardware
    settings: Settings = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "FSDP",
        "num_machines": hardware.nodes,
        "num_processes": hardware.world_size,
        "mixed_precision": run.mixed,
        "rdzv_backend": "static",
        "same_network": True,
        "main_training_function": "main",
        "fsdp_config": {f"fsdp_{key}": value for key, value in plugin(run).items()},
    }
    if run.strategy.shard_parameters == "node":
        settings["parallelism_config"] = {
            "parallelism_config_dp_replicate_size": hardware.nodes,
            "parallelism_config_dp_shard_size": hardware.gpus_per_node,
        }
    return settings


def version(run: Run) -> int:
    """Which FSDP: 1 with flat parameters, 2 with one shard per parameter."""
    return _VERSIONS[run.strategy.engine]


def plugin(run: Run) -> Settings:
    """FSDP's settings by the names of the file, less their prefix.

    Without the decoder layer's class Accelerate wraps what the model says not to split.
    """
    layer = LAYER_CLASSES.get(run.job.spec.model_type)
    return {
        "version": version(run),
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        **({"transformer_layer_cls_to_wrap": layer} if layer else {}),
        **_sharding(run),
        "offload_params": run.strategy.parameters_on == "cpu",
        "activation_checkpointing": run.job.training.activation_checkpointing,
        "cpu_ram_efficient_loading": _ONE_RANK_LOADS[run.job.training.method],
        "state_dict_type": "SHARDED_STATE_DICT",
    }


def _sharding(run: Run) -> Settings:
    if version(run) == 2:
        return {"reshard_after_forward": run.strategy.regathers}
    recipe = run.job.options.recipe
    return {
        "sharding_strategy": "FULL_SHARD" if run.strategy.regathers else "SHARD_GRAD_OP",
        "backward_prefetch": "NO_PREFETCH" if recipe.no_backward_prefetch else "BACKWARD_PRE",
        "forward_prefetch": False,
        "use_orig_params": True,
        "sync_module_states": True,
    }
