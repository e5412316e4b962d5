"""From a request to a job: find the model and the machine, and check what only both can tell."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Protocol

from app.catalog import Catalog
from app.catalog.huggingface import read_config
from app.catalog.huggingface.dimensions import spec_from_dimensions
from app.catalog.huggingface.towers import Towers
from app.domain.architecture import ModelSpec
from app.domain.errors import FieldError, InvalidInput
from app.domain.hardware import Hardware
from app.domain.job import Job
from app.domain.recipe import RECIPES
from app.domain.strategies import STRATEGIES, Strategy
from app.domain.training import DeepSpeedOptions, Lora, Options, Training
from app.domain.units import GIB
from app.schemas.estimates import (
    DeepSpeedChoice,
    EstimateRequest,
    HardwareChoice,
    ModelChoice,
    OptionsChoice,
    TrainingChoice,
)
from app.services.deepspeed_keys import check_deepspeed_keys
from app.services.usable_memory import check_usable_memory

IMPORTED = "imported config"
NAMED_DIMENSIONS = "named dimensions"
_MODEL_SOURCES = ("id", "profile", "config", "dimensions")


class ProfileSource(Protocol):
    """Where saved profiles come from. Both raise InvalidInput for an id that is not there."""

    def model_spec(self, profile_id: str, towers: Towers | None = None) -> ModelSpec: ...

    def hardware(self, profile_id: str) -> Hardware: ...


class Resolver:
    """Turns requests into jobs."""

    def __init__(self, catalog: Catalog, profiles: ProfileSource) -> None:
        self._catalog = catalog
        self._profiles = profiles

    def job(self, request: EstimateRequest) -> Job:
        """The job that a request asks about.

        Raises:
            InvalidInput: an unknown id, an ambiguous model, or a field that the model rules out.
        """
        spec, training, options = self.question(request.model, request.training, request.options)
        return Job(spec, self._hardware(request.hardware), training, options)

    def question(
        self, model: ModelChoice, training: TrainingChoice, options: OptionsChoice
    ) -> tuple[ModelSpec, Training, Options]:
        """A job but for its machine. Raises as `job` does."""
        spec = self._model(model)
        resolved = _training(training, spec)
        _check_sequence(spec, resolved)
        _check_towers(spec, resolved)
        return (
            spec,
            resolved,
            Options(
                deepspeed=_deepspeed(options.deepspeed, spec),
                fsdp_reduce_dtype=options.fsdp.reduce_dtype,
                allocator=options.allocator,
                recipe=RECIPES[options.trainer],
            ),
        )

    def _model(self, choice: ModelChoice) -> ModelSpec:
        given = [name for name in _MODEL_SOURCES if getattr(choice, name) is not None]
        if len(given) != 1:
            found = f"; {' and '.join(given)} were given" if given else ""
            raise InvalidInput(
                FieldError(
                    "/model", f"Give exactly one of id, profile, config or dimensions{found}."
                )
            )
        asked = choice.towers in ("frozen", "trained")
        if asked and choice.config is None and choice.profile is None:
            detail = "Towers are read from a config: give model.config, or a profile that has one."
            raise InvalidInput(FieldError("/model/towers", detail))
        if choice.id is not None:
            return self._catalog.model(choice.id).spec
        if choice.profile is not None:
            return self._profiles.model_spec(choice.profile, choice.towers)
        if choice.dimensions is not None:
            return spec_from_dimensions(choice.dimensions.model_dump(), NAMED_DIMENSIONS)
        return read_config(choice.config or {}, IMPORTED, choice.towers or "none").spec

    def _hardware(self, choice: HardwareChoice) -> Hardware:
        if (choice.gpu is None) == (choice.profile is None):
            raise InvalidInput(FieldError("/hardware", "Give exactly one of gpu or profile."))
        if choice.profile is not None:
            return self._profiles.hardware(choice.profile)
        gpu = self._catalog.gpu(choice.gpu or "").gpu
        check_usable_memory(gpu, choice.usable_memory_bytes, "/hardware/usable_memory_bytes")
        return Hardware(
            gpu=gpu,
            gpus_per_node=choice.gpus_per_node,
            nodes=choice.nodes,
            host_memory_bytes=choice.host_memory_gib * GIB,
            nvme_bytes=choice.nvme_gib * GIB,
            usable_memory_bytes=choice.usable_memory_bytes,
        )


def chosen_strategies(ids: list[str] | None) -> list[Strategy]:
    """The strategies asked for, in order and once each; all of them when nothing was asked.

    Raises:
        InvalidInput: an id that is none, naming the nearest.
    """
    if ids is None:
        return list(STRATEGIES.values())
    errors = []
    for index, wanted in enumerate(ids):
        if wanted not in STRATEGIES:
            near = get_close_matches(wanted, STRATEGIES, n=3, cutoff=0.3) or list(STRATEGIES)[:3]
            detail = f"There is no strategy {wanted[:60]!r}. Did you mean {', '.join(near)}?"
            errors.append(FieldError(f"/strategies/{index}", detail))
    if errors:
        raise InvalidInput(*errors)
    return [STRATEGIES[wanted] for wanted in dict.fromkeys(ids)]


def _training(choice: TrainingChoice, spec: ModelSpec) -> Training:
    """The job; a sequence length that is left out is at most the model's positions."""
    targets = choice.lora.target_modules
    sequence = choice.sequence_length
    if "sequence_length" not in choice.model_fields_set and spec.max_position is not None:
        sequence = min(sequence, spec.max_position)
    return Training(
        method=choice.method,
        precision=choice.precision,
        optimizer=choice.optimizer,
        optimizer_kernel=choice.optimizer_kernel,
        sequence_length=sequence,
        micro_batch_size=choice.micro_batch_size,
        gradient_accumulation_steps=choice.gradient_accumulation_steps,
        activation_checkpointing=choice.activation_checkpointing,
        attention=choice.attention,
        fused_loss=choice.fused_loss,
        lora=Lora(choice.lora.rank, targets if isinstance(targets, str) else tuple(targets)),
    )


def _check_sequence(spec: ModelSpec, training: Training) -> None:
    limit = spec.max_position
    if limit is not None and training.sequence_length > limit:
        raise InvalidInput(
            FieldError(
                "/training/sequence_length",
                f"{spec.name} supports up to {limit:,} tokens. Use {limit:,} or less.",
            )
        )


def _check_towers(spec: ModelSpec, training: Training) -> None:
    if training.method != "full" and any(tower.trained for tower in spec.towers):
        detail = 'LoRA and QLoRA leave towers frozen: use towers "frozen", or method "full".'
        raise InvalidInput(FieldError("/model/towers", detail))


def _deepspeed(choice: DeepSpeedChoice, spec: ModelSpec) -> DeepSpeedOptions:
    """DeepSpeed's options; "auto" is what Hugging Face Trainer fills in from the hidden size.

    Source: transformers/integrations/deepspeed.py, trainer_config_finalize. The keys that it does
    not fill keep DeepSpeed's default.
    """
    check_deepspeed_keys(choice.model_extra or {})
    hidden = spec.hidden_size
    automatic = {
        "reduce_bucket_size": hidden * hidden,
        "stage3_prefetch_bucket_size": 9 * hidden * hidden // 10,
        "stage3_param_persistence_threshold": 10 * hidden,
    }
    defaults = DeepSpeedOptions()

    def value(key: str) -> int:
        asked = getattr(choice, key)
        if asked != "auto":
            return int(asked)
        return automatic.get(key, int(getattr(defaults, key)))

    return DeepSpeedOptions(
        reduce_bucket_size=value("reduce_bucket_size"),
        allgather_bucket_size=value("allgather_bucket_size"),
        overlap_comm=choice.overlap_comm,
        contiguous_gradients=choice.contiguous_gradients,
        sub_group_size=value("sub_group_size"),
        stage3_max_live_parameters=value("stage3_max_live_parameters"),
        stage3_max_reuse_distance=value("stage3_max_reuse_distance"),
        stage3_prefetch_bucket_size=value("stage3_prefetch_bucket_size"),
        stage3_param_persistence_threshold=value("stage3_param_persistence_threshold"),
    )
