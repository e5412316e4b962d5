"""The same step run by Hugging Face Trainer, as most people train."""

from __future__ import annotations

import tempfile
from typing import Any

import torch
import transformers

from benchmarks.measure.cases import Plan
from benchmarks.measure.deepspeed_config import deepspeed_config, stage
from benchmarks.measure.models import (
    FUSED_LOSS_ONLY,
    add_adapters,
    build_model,
    compute_dtype,
    quantize,
)
from benchmarks.measure.optimizers import LEARNING_RATE, trainer_name
from benchmarks.measure.recording import Recorder
from benchmarks.measure.simulated_trainer import let_trainer_run


def train(plan: Plan, device: torch.device, recorder: Recorder) -> None:
    """Run the case's steps, telling the recorder where the phases end."""
    let_trainer_run(plan)
    with tempfile.TemporaryDirectory() as folder:
        # Before the model: at ZeRO-3 it is partitioned while it is built.
        arguments = transformers.TrainingArguments(output_dir=folder, **training_arguments(plan))
        trainer = _MeasuredTrainer(
            plan,
            recorder,
            model=_loaded_model(plan, device),
            args=arguments,
            train_dataset=_RandomTokens(plan),
            callbacks=[_PhaseMarks(recorder)],
        )
        trainer.train()


def training_arguments(plan: Plan) -> dict[str, Any]:
    """The case as TrainingArguments; what it names in `training_arguments` comes last."""
    training = plan.job.training
    arguments: dict[str, Any] = {
        "per_device_train_batch_size": training.micro_batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation_steps,
        "gradient_checkpointing": training.activation_checkpointing,
        "max_steps": plan.case.steps,
        "learning_rate": LEARNING_RATE,
        "optim": trainer_name(training.optimizer, training.optimizer_kernel),
        "bf16": training.precision.startswith("bf16"),
        "fp16": training.precision == "fp16_mixed",
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }
    if training.fused_loss:
        arguments |= {"use_liger_kernel": True, "liger_kernel_config": FUSED_LOSS_ONLY}
    if plan.strategy.framework == "deepspeed":
        arguments["deepspeed"] = deepspeed_config(plan)
    elif plan.strategy.framework == "pytorch_fsdp":
        arguments |= {"fsdp": True, "fsdp_config": _fsdp_config(plan)}
    return arguments | plan.case.training_arguments


def _fsdp_config(plan: Plan) -> dict[str, Any]:
    regathers = plan.strategy.regathers
    if plan.strategy.engine == "fsdp1":
        reshard: Any = "full_shard" if regathers else "shard_grad_op"
        return {"version": 1, "reshard_after_forward": reshard}
    return {
        "version": 2,
        "reshard_after_forward": regathers,
        "cpu_offload": plan.strategy.parameters_on == "cpu",
    }


def _loaded_model(plan: Plan, device: torch.device) -> Any:
    """The model where, and in the type in which, `from_pretrained` leaves it."""
    if plan.strategy.framework == "deepspeed" and stage(plan) == 3:
        model = build_model(plan, None)
    else:
        model = build_model(plan, device)  # random weights are quick on the GPU
        if plan.strategy.engine != "ddp":
            model.to("cpu")
    if plan.job.training.method == "qlora":
        model = quantize(model, compute_dtype(plan), device)
    model = add_adapters(plan, model, fp32_adapters=True)
    torch.cuda.empty_cache()
    return model


class _RandomTokens(torch.utils.data.Dataset):  # type: ignore[misc]
    """Sequences of one length, with the mask that collators add."""

    def __init__(self, plan: Plan) -> None:
        training = plan.job.training
        self._vocabulary = plan.job.spec.vocab_size
        self._length = int(training.sequence_length)
        per_step = training.micro_batch_size * training.gradient_accumulation_steps * plan.world
        self._count = int(per_step) * (plan.case.steps + 1)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> dict[str, Any]:
        ids = torch.randint(0, self._vocabulary, (self._length,))
        return {"input_ids": ids, "labels": ids, "attention_mask": torch.ones_like(ids)}


class _PhaseMarks(transformers.TrainerCallback):  # type: ignore[misc]
    """The ends of setup and of each step."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        self._recorder.setup_done()

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        self._recorder.step_begins()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After gradients were freed; the step was counted already."""
        self._recorder.phase_done(state.global_step - 1, "step")


class _MeasuredTrainer(transformers.Trainer):  # type: ignore[misc]
    """Trainer, with a mark after the loss and after backward."""

    def __init__(self, plan: Plan, recorder: Recorder, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._plan = plan
        self._recorder = recorder

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        loss = super().compute_loss(*args, **kwargs)
        self._recorder.phase_done(self.state.global_step, "forward")
        return loss

    def _prepare_for_training(self, *args: Any, **kwargs: Any) -> Any:
        prepared = super()._prepare_for_training(*args, **kwargs)
        owner = self.accelerator
        if self._plan.strategy.framework == "deepspeed":
            # accelerate calls the engine's backward and its step in one go: mark between the two.
            owner = owner.deepspeed_engine_wrapped.engine
        backward = owner.backward

        def marked(*inner: Any, **named: Any) -> Any:
            result = backward(*inner, **named)
            self._recorder.phase_done(self.state.global_step, "backward")
            return result

        owner.backward = marked
        return prepared
