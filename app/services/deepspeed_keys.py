"""Tells DeepSpeed's own keys, which a job may carry along, from misspelt ones."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from app.domain.errors import FieldError, InvalidInput
from app.schemas.estimates import DeepSpeedChoice

# The keys of `zero_optimization` that move no memory here, deprecated ones included.
# Source: deepspeed/runtime/zero/config.py, DeepSpeedZeroConfig; mics_* of earlier releases.
_CARRIED = frozenset(
    {
        "allgather_partitions",
        "compute_grad_norm",
        "cpu_offload",
        "cpu_offload_param",
        "cpu_offload_use_pin_memory",
        "elastic_checkpoint",
        "enable_sanity_checks",
        "ignore_unused_parameters",
        "leaf_module",
        "legacy_stage1",
        "load_from_fp32_weights",
        "log_trace_cache_warnings",
        "memory_efficient_linear",
        "mics_hierarchical_params_gather",
        "mics_shard_size",
        "offload_optimizer",
        "offload_param",
        "override_module_apply",
        "parameter_alignment",
        "pipeline_loading_checkpoint",
        "reduce_scatter",
        "round_robin_gradients",
        "save_muon_momentum_buffer_in_memory",
        "stage",
        "stage3_allgather_sequential",
        "stage3_gather_16bit_weights_on_model_save",
        "stage3_gather_fp16_weights_on_model_save",
        "stage3_model_persistence_threshold",
        "stage3_module_granularity_threshold",
        "stage3_use_all_reduce_for_fetch_params",
        "use_multi_rank_bucket_allreduce",
        "zenflow",
        "zero_hpz_partition_size",
        "zero_quantized_gradients",
        "zero_quantized_nontrainable_weights",
        "zero_quantized_weights",
    }
)
_KNOWN = sorted(_CARRIED.union(DeepSpeedChoice.model_fields))
_LONGEST = max(map(len, _KNOWN))
_TYPO = 0.85
_STAGE = "stage3_"


def check_deepspeed_keys(extra: Iterable[str]) -> None:
    """Refuses keys that are nearly one of DeepSpeed's: their values would silently count nothing.

    Raises:
        InvalidInput: for each of them, with the key that was meant.
    """
    errors = []
    for key in extra:
        if key not in _KNOWN and (meant := _meant(key)) is not None:
            pointer = "/options/deepspeed/" + key.replace("~", "~0").replace("/", "~1")
            errors.append(FieldError(pointer, f"There is no key {key!r}: did you mean {meant!r}?"))
    if errors:
        raise InvalidInput(*errors)


def _meant(key: str) -> str | None:
    if _STAGE + key in _KNOWN:
        return _STAGE + key
    if len(key) > 2 * _LONGEST:  # too long to be near, and slow to compare
        return None
    return next(iter(get_close_matches(key, _KNOWN, n=1, cutoff=_TYPO)), None)
