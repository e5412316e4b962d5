"""How many requests a key or an address may make, counted here or together with other processes."""

from __future__ import annotations

import logging
import math
from time import monotonic, time
from typing import cast

from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.exceptions import HTTPException

from app.settings import Settings

log = logging.getLogger(__name__)

IN_PROCESS = "memory://"
# A counter that is far away must not hold requests up, nor be asked again at once when it fails.
_REDIS_SECONDS = 0.25
_RETRY_SECONDS = 5.0


class RateLimiter:
    """Counts over sliding windows, and raises a 429 with Retry-After for the request too many.

    While the shared counter (Redis or Valkey) does not answer, each process counts for itself:
    neither does everybody get in uncounted, nor is everybody kept out.
    """

    def __init__(self, url: str, per_key: str, per_address: str) -> None:
        self._per_key, self._per_address = parse(per_key), parse(per_address)
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = None if url == IN_PROCESS else SlidingWindowCounterRateLimiter(_storage(url))
        self._ask_again_at = 0.0

    def count_key(self, key_id: str) -> None:
        """Counts a request of a key."""
        self._count(self._per_key, "key", key_id)

    def count_address(self, address: str) -> None:
        """Counts a request of somebody unknown."""
        self._count(self._per_address, "address", address)

    def _count(self, limit: RateLimitItem, *caller: str) -> None:
        if self._shared is not None and monotonic() >= self._ask_again_at:
            try:
                _count(self._shared, limit, caller)
            except StorageError as error:
                self._ask_again_at = monotonic() + _RETRY_SECONDS
                log.warning("The shared rate limit does not answer: %r", error.storage_error)
            else:
                return
        _count(self._own, limit, caller)


def limiter_of(settings: Settings) -> RateLimiter:
    """The limiter that an operator has chosen."""
    return RateLimiter(
        settings.rate_limit_url, settings.rate_limit_key, settings.rate_limit_address
    )


def _count(
    counter: SlidingWindowCounterRateLimiter, limit: RateLimitItem, caller: tuple[str, ...]
) -> None:
    if counter.hit(limit, *caller):
        return
    seconds = max(1, math.ceil(counter.get_window_stats(limit, *caller).reset_time - time()))
    raise HTTPException(
        429,
        f"That was more than {limit.amount:,} requests per {limit.GRANULARITY.name}. "
        f"Try again in {seconds} s.",
        headers={"Retry-After": str(seconds)},
    )


def _storage(url: str) -> Storage:
    storage = storage_from_string(
        url,
        wrap_exceptions=True,
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_SECONDS,
    )
    return cast(Storage, storage)  # an asynchronous one has another scheme
