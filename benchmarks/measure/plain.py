"""The plain PyTorch training loop: forward, backward, step, gradients freed."""

from __future__ import annotations

import contextlib
from typing import Any

import torch

from benchmarks.measure.cases import Plan
from benchmarks.measure.engines import Wrapped, wrap
from benchmarks.measure.models import compute_dtype
from benchmarks.measure.recording import Recorder


def train(plan: Plan, device: torch.device, recorder: Recorder) -> None:
    """Run the case's steps, telling the recorder where the phases end."""
    wrapped = wrap(plan, device)
    recorder.setup_done()
    training = plan.job.training
    vocabulary = plan.job.spec.vocab_size
    shape = (int(training.micro_batch_size), int(training.sequence_length))
    ids = torch.randint(0, vocabulary, shape, device=device)
    stepper = _Stepper(wrapped, device, in_fp16=compute_dtype(plan) == torch.float16)
    for step in range(plan.case.steps):
        recorder.step_begins()
        for micro in range(training.gradient_accumulation_steps):
            loss = stepper.forward(ids)
            recorder.phase_done(step, "forward")
            stepper.backward(loss)
            del loss
            recorder.phase_done(step, "backward")
            stepper.micro_batch_done(last=micro + 1 == training.gradient_accumulation_steps)
        recorder.phase_done(step, "step")


class _Stepper:
    """One interface to PyTorch's optimizers and DeepSpeed's engine."""

    def __init__(self, wrapped: Wrapped, device: torch.device, in_fp16: bool) -> None:
        self._model = wrapped.model
        self._optimizer = wrapped.optimizer
        self._device = device
        self._autocast = wrapped.autocast
        scaled = in_fp16 and wrapped.autocast is not None
        # The scale stays 1, so that no step is skipped for an overflow.
        self._scaler = torch.amp.GradScaler(
            device.type, enabled=scaled, init_scale=1.0, growth_interval=10**9
        )

    def forward(self, ids: torch.Tensor) -> Any:
        cast: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if self._autocast is not None:
            cast = torch.autocast(self._device.type, self._autocast)
        with cast:
            return self._model(input_ids=ids, labels=ids).loss

    def backward(self, loss: Any) -> None:
        if self._optimizer is None:
            self._model.backward(loss)
        else:
            self._scaler.scale(loss).backward()

    def micro_batch_done(self, last: bool) -> None:
        if self._optimizer is None:
            self._model.step()  # DeepSpeed counts micro-batches itself
        elif last:
            self._scaler.step(self._optimizer)
            self._scaler.update()
            self._optimizer.zero_grad(set_to_none=True)
