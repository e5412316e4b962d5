"""Answers that are computed while they are sent: line by line, in threads of their own.

The next line is computed only when the connection has taken the last one, and none after the
client is gone. A few such answers at a time get a thread, so that they cannot keep all others
waiting.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

from anyio import CapacityLimiter, to_thread
from starlette.responses import StreamingResponse

_AT_A_TIME = 2
_limiter = CapacityLimiter(_AT_A_TIME)


class JsonLines(StreamingResponse):
    """One JSON document a line."""

    media_type = "application/x-ndjson"


def stream_lines(
    lines: Iterator[str], media_type: str, headers: Mapping[str, str] | None = None
) -> StreamingResponse:
    """An answer of lines; each of them brings its own line end."""
    # A proxy that collects the answer before passing it on would hide the progress.
    told = {"X-Accel-Buffering": "no", "Cache-Control": "no-store", **(headers or {})}
    return StreamingResponse(_each(lines), media_type=media_type, headers=told)


async def _each(lines: Iterator[str]) -> AsyncIterator[str]:
    while (line := await to_thread.run_sync(next, lines, None, limiter=_limiter)) is not None:
        yield line
