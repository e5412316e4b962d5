"""A count that all workspaces and threads share."""

from __future__ import annotations

import threading


class Tally:
    """Counts up from zero, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.total = 0

    def add(self, number: int) -> None:
        """Counts `number` more."""
        with self._lock:
            self.total += number
