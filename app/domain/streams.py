"""Which element sizes a job's modules see."""

from __future__ import annotations

from app.domain.job import Job
from app.domain.precision import STREAMS, Stream, StreamId


def stream_of(job: Job, stream: StreamId) -> Stream:
    """What a method makes of a precision's stream.

    QLoRA's fp32 norms and embedding make everything fp32 that autocast does not cast; LoRA's frozen
    16-bit embedding keeps the residual in 16 bits even under autocast.
    """
    chosen = STREAMS[stream]
    if job.training.method == "qlora":
        return chosen if chosen.autocast else STREAMS["full"]
    if job.training.method == "lora" and chosen.autocast:
        return STREAMS["half_autocast"]
    return chosen
