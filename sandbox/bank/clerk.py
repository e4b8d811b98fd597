"""The bank's clerk: does in the background what is due later, and at once when asked to hasten."""

from __future__ import annotations

import asyncio
import time

from sandbox.bank.callbacks import Callbacks, Delivered
from sandbox.bank.orders import Orders


class Clerk:
    """Settles and expires orders and delivers callbacks when their time comes."""

    def __init__(self, orders: Orders, callbacks: Callbacks) -> None:
        self._orders = orders
        self._callbacks = callbacks

    async def work(self) -> None:
        """Until cancelled."""
        while True:
            self._callbacks.changed.clear()
            self._orders.settle_due()
            await self._callbacks.deliver()
            due = [moment for moment in (self._orders.next_due(), self._callbacks.next_due()) if moment is not None]
            pause = max(min(due) - time.time(), 0.02) if due else None
            try:
                await asyncio.wait_for(self._callbacks.changed.wait(), pause)
            except TimeoutError:
                continue

    async def hasten(self) -> tuple[int, Delivered]:
        """Settle whatever is being processed and send whatever waits, once, now: how many orders, which answers."""
        self._orders.hasten()
        settled = self._orders.settle_due()
        self._callbacks.hasten()
        return settled, await self._callbacks.deliver()
