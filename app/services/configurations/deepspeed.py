"""DeepSpeed's own file. Every size is a number, so that file and estimate cannot drift apart.

Source: deepspeed/runtime/config.py, runtime/zero/config.py and offload_config.py, 0.19.8.
"""

from __future__ import annotations

from app.domain.frameworks.zero import overlaps_communication, parameter_swap_buffer
from app.domain.strategies import Place
from app.schemas.configurations import Configuration
from app.services.configurations.optimizers import deepspeed_section
from app.services.configurations.run import DEEPSPEED_FILE, MAX_GRADIENT_NORM, Run
from app.services.configurations.text import Settings, json_text

# Where the user's fast local disk is mounted.
NVME_PATH = "/local_nvme"


def written(run: Run) -> Configuration:
    """The file."""
    return Configuration("deepspeed_json", DEEPSPEED_FILE, json_text(config(run)))


def config(run: Run) -> Settings:
    """The whole configuration."""
    training = run.job.training
    adamw = training.optimizer == "adamw"
    settings: Settings = {
        "train_batch_size": run.train_batch_size,
        "train_micro_batch_size_per_gpu": training.micro_batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation_steps,
        "gradient_clipping": MAX_GRADIENT_NORM,
        **({} if run.half == "fp32" else {run.half: {"enabled": True}}),
        "data_types": {"grad_accum_dtype": run.half},
        **deepspeed_section(run),
        **({} if adamw else {"zero_allow_untested_optimizer": True}),
        "zero_optimization": _zero(run),
    }
    if run.strategy.optimizer_on != "gpu" and not adamw:
        settings["zero_force_ds_cpu_optimizer"] = False
    return settings


def _zero(run: Run) -> Settings:
    options = run.job.options.deepspeed
    settings: Settings = {
        "stage": run.stage,
        "overlap_comm": overlaps_communication(run.job, run.stage),
        "contiguous_gradients": options.contiguous_gradients,
        "reduce_bucket_size": options.reduce_bucket_size,
        "allgather_bucket_size": options.allgather_bucket_size,
        **_offload(run),
    }
    if run.stage < 3:
        return settings
    return settings | {
        "sub_group_size": options.sub_group_size,
        "stage3_max_live_parameters": options.stage3_max_live_parameters,
        "stage3_max_reuse_distance": options.stage3_max_reuse_distance,
        "stage3_prefetch_bucket_size": options.stage3_prefetch_bucket_size,
        "stage3_param_persistence_threshold": options.stage3_param_persistence_threshold,
        "stage3_gather_16bit_weights_on_model_save": True,
    }


def _offload(run: Run) -> Settings:
    optimizer, parameters = run.strategy.optimizer_on, run.strategy.parameters_on
    settings: Settings = {}
    if optimizer != "gpu":
        settings["offload_optimizer"] = _place(optimizer)
    if parameters != "gpu":
        settings["offload_param"] = _place(parameters) | _swap_buffers(run, parameters)
    return settings


def _place(place: Place) -> Settings:
    path: Settings = {"nvme_path": NVME_PATH} if place == "nvme" else {}
    return {"device": place, **path, "pin_memory": True}


def _swap_buffers(run: Run, place: Place) -> Settings:
    """A parameter's shard has to fit in one buffer; none is kept in host memory besides."""
    if place != "nvme":
        return {}
    spec, ranks = run.job.spec, run.job.hardware.world_size
    buffer = int(parameter_swap_buffer(spec.largest_tensor_parameters, ranks))
    return {"buffer_size": buffer, "max_in_cpu": 0}
