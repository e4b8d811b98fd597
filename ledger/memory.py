"""A short memory for keys: what was read at most five seconds ago, so that erasure reaches every process by then."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MEMORY: Final = 5.0
"""Seconds for which a key may be used without asking the key store again."""
CAPACITY: Final = 4096


class ShortMemory(Generic[K, V]):
    """Keys to values, each forgotten five seconds after it was asked for. Safe for many threads."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self._held: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._lock = Lock()
        self._cleared_at = clock()

    def find(self, key: K) -> tuple[bool, V | None]:
        """Whether it is remembered, and what."""
        with self._lock:
            held = self._held.get(key)
            if held is None:
                return False, None
            asked_at, value = held
            if self.clock() - asked_at >= MEMORY:
                del self._held[key]
                return False, None
            return True, value

    def keep(self, key: K, value: V, asked_at: float) -> None:
        """Remember ``value``, which was true at ``asked_at`` (this memory's clock, read before asking)."""
        with self._lock:
            if asked_at <= self._cleared_at:
                return
            self._held[key] = (asked_at, value)
            self._held.move_to_end(key)
            while len(self._held) > CAPACITY:
                self._held.popitem(last=False)

    def clear(self) -> None:
        """Forget everything, and take nothing that was asked before now."""
        with self._lock:
            self._cleared_at = self.clock()
            self._held.clear()
