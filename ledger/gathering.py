"""Questions that come at the same moment, asked as one: of many threads, the first asks for all that have gathered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class _Question(Generic[K, V]):
    """One thread's question, and where that thread waits."""

    __slots__ = ("answer", "answered", "error", "following", "key", "leads")

    def __init__(self, key: K) -> None:
        self.key = key
        self.answer: V | None = None
        self.error: BaseException | None = None
        self.following: _Question[K, V] | None = None
        self.leads = False
        self.answered = Lock()
        self.answered.acquire()


class Gathering(Generic[K, V]):
    """Asks ``ask`` for many keys at once; what it gives may lack some. Safe for many threads.

    Nobody is answered by what was asked before their own question came, and nobody waits for company: while one
    question is under way, the next gathers.
    """

    def __init__(self, ask: Callable[[Sequence[K]], Mapping[K, V]]) -> None:
        self._ask = ask
        self._lock = Lock()
        self._asking = False
        self._waiting: list[_Question[K, V]] = []

    def find(self, key: K) -> V | None:
        """What there is under ``key``. Raises: what ``ask`` raises, to everybody whom it was asked for."""
        question = _Question[K, V](key)
        with self._lock:
            self._waiting.append(question)
            question.leads = not self._asking
            self._asking = True
        if not question.leads:
            question.answered.acquire()
        if question.leads:
            self._lead()
        elif question.following:
            question.following.answered.release()
        if question.error is not None:
            raise question.error
        return question.answer

    def _lead(self) -> None:
        """Ask for all that wait, this thread's own question first among them; then leave the lead to the next."""
        with self._lock:
            questions, self._waiting = self._waiting, []
        try:
            found = self._ask([question.key for question in questions])
            for question in questions:
                question.answer = found.get(question.key)
        except BaseException as error:  # noqa: BLE001 - raised again in each of their threads, this one's too
            for question in questions:
                question.error = error
        with self._lock:
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].answered.release()
            else:
                self._asking = False
        others = questions[1:]
        for question, following in pairwise(others):
            question.following = following
        if others:
            others[0].answered.release()
