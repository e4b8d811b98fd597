"""The library's subscription on the ledger: it listens before it looks, and moves on past what it filters out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from eventsourcing.persistence import Notification, Subscription
from typing_extensions import override

from ledger.signals import Listener

if TYPE_CHECKING:
    from ledger.recorder import LedgerRecorder

BATCH: Final = 500
STOP_CHECK: Final = 0.2
"""Seconds within which `stop`, called from another thread, is noticed."""


class LedgerSubscription(Subscription[Any]):
    """Events by position, without end, until stopped. For one thread; `stop` may be called from any."""

    def __init__(self, recorder: LedgerRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._after = gt or 0
        self._stopped = Event()
        self._waiting: deque[Notification] = deque()
        self._listener = Listener(recorder.conninfo)

    @override
    def stop(self) -> None:
        super().stop()
        self._stopped.set()

    @override
    def __exit__(self, *args: object, **kwargs: Any) -> None:
        try:
            super().__exit__(*args, **kwargs)
        finally:
            self._listener.close()

    @override
    def __next__(self) -> Notification:
        while not self._stopped.is_set():
            if self._waiting:
                return self._waiting.popleft()
            self._listener.listen()
            if not self._pull():
                self._listener.wait(STOP_CHECK)
        raise StopIteration

    def _pull(self) -> bool:
        """Fetch the next batch; whether there was anything, wanted or not."""
        settled = self._recorder.max_notification_id() or 0
        if settled <= self._after:
            return False
        found = self._recorder.select_notifications(
            self._after, BATCH, stop=settled, topics=self._topics, inclusive_of_start=False
        )
        self._waiting.extend(found)
        self._after = found[-1].id if len(found) == BATCH else settled
        return True
