"""What is done ahead, in a thread of its own: the next batch is read, numbered and written while one is committed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Final, Generic, ParamSpec, Self, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE: Final = 2.0
"""Seconds for which what is under way at the end is waited for."""


class Ahead(Generic[P, R]):
    """Does the same thing again and again, one after the other, for who asks for it before needing it.

    One thread, so that what was asked for and is not wanted any more has ended before the next begins. It is no reason
    for a process to live on: a database that does not answer may hold it for a while.
    """

    def __init__(self, do: Callable[P, R], name: str) -> None:
        self._do = do
        self._asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._asked.put(None)
        self._thread.join(PATIENCE)

    def ask(self, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """What will come of it, or why nothing did."""
        future: Future[R] = Future()

        def fill() -> None:
            try:
                future.set_result(self._do(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
                future.set_exception(error)

        self._asked.put(fill)
        return future

    def _work(self) -> None:
        while (fill := self._asked.get()) is not None:
            fill()
