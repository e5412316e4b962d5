"""The logits and the loss of one micro-batch, at the moments where they can be the peak."""

from __future__ import annotations

from functools import cached_property

from app.domain.formulas import loss
from app.domain.formulas.activations import final_norm_output
from app.domain.formulas.registry import Bundle, Term
from app.domain.job import Job
from app.domain.precision import BF16, FP32, Stream
from app.domain.quantities import ModelQuantities
from app.domain.units import Integer


class StepLoss:
    """Terms for the logits and the loss in one kind of stream."""

    def __init__(
        self, job: Job, quantities: ModelQuantities, stream: Stream, tokens: Integer
    ) -> None:
        self._stream = stream
        self._tokens = tokens
        self._is_fused = job.training.fused_loss
        self._trains_head = job.training.method == "full"
        self._hidden = job.spec.hidden_size
        self._vocabulary = job.spec.vocab_size
        self._embedding = quantities.embedding
        self._softcapped = bool(job.spec.logit_softcap)

    @cached_property
    def forward(self) -> Bundle:
        """Logits and loss at the end of forward."""
        if self._is_fused:
            return self._fused
        logits = FP32 if self._stream.id == "full" else BF16 + FP32
        made = loss.loss_forward(t=self._tokens, V=self._vocabulary, l=logits)
        if self._stream.id == "autocast" or not self._trains_head:
            output = final_norm_output(t=self._tokens, h=self._hidden, s=self._stream.residual)
            return Bundle(made, output, *self._softcap)
        return Bundle(made, *self._softcap)

    @cached_property
    def backward(self) -> Bundle:
        """Logits and loss at the start of backward."""
        if self._is_fused:
            return self._fused
        return Bundle(loss.loss_backward(t=self._tokens, V=self._vocabulary), *self._softcap)

    def cloned(self, clones: Integer) -> Bundle:
        """When so many wrappers have cloned the model's outputs; a fused loss makes no logits."""
        if self._is_fused:
            return self._fused
        logits = loss.cloned_logits(t=self._tokens, V=self._vocabulary, k=clones)
        return Bundle(logits, *self._softcap)

    @property
    def _softcap(self) -> tuple[Term, ...]:
        if not self._softcapped:
            return ()
        size = self._stream.compute
        return (loss.softcapped_logits(t=self._tokens, V=self._vocabulary, l=size),)

    @cached_property
    def _fused(self) -> Bundle:
        size = self._stream.compute if self._trains_head else 0
        return Bundle(
            loss.fused_loss_chunk(t=self._tokens, h=self._hidden),
            loss.fused_loss_gradient(t=self._tokens, h=self._hidden, s=self._stream.residual),
            loss.fused_loss_head_gradient(E=self._embedding, g=size),
        )
