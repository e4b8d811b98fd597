"""Questions of many threads at one moment are asked as one, and none is answered by what was asked before it came."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import pytest
from ledger_house import Work

from ledger.gathering import Gathering


class Library:
    """Answers with how often it was asked before; each time only when it is let go."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.let_go = Event()
        self.error: Exception | None = None
        self.gathering = Gathering(self.ask)

    def ask(self, keys: Sequence[str]) -> dict[str, int]:
        self.asked.append(list(keys))
        turn, error = len(self.asked), self.error
        if turn == 1:
            self.let_go.wait(60)
        if error:
            raise error
        return {key: turn for key in keys if key != "lost"}

    def gather(self, *keys: str) -> list[Work]:
        """Each asked for by a thread of its own, in this order, while the first is under way."""
        works: list[Work] = []
        for number, key in enumerate(keys):
            works.append(Work(lambda key=key: self.gathering.find(key)))
            while not self.asked or len(self.gathering._waiting) < number:
                pass
        return works


def test_what_gathers_while_one_is_under_way_is_asked_together_and_after_it() -> None:
    library = Library()
    works = library.gather("a", "a", "b", "lost", "c")
    library.let_go.set()
    assert [work.result() for work in works] == [1, 2, 2, None, 2]
    assert library.asked == [["a"], ["a", "b", "lost", "c"]]
    assert library.gathering.find("a") == 3, "nothing is remembered, and the lead is free again"


def test_an_error_is_theirs_for_whom_it_was_asked() -> None:
    library = Library()
    library.error = LookupError("no library")
    first, *others = library.gather("a", "b", "c")
    library.error = None
    library.let_go.set()
    with pytest.raises(LookupError):
        first.result()
    assert [work.result() for work in others] == [2, 2]


def test_an_error_reaches_everybody_it_was_asked_for() -> None:
    library = Library()
    first, *others = library.gather("a", "b", "c")
    library.error = LookupError("no library")
    library.let_go.set()
    assert first.result() == 1
    assert [type(work.outcome()) for work in others] == [LookupError, LookupError]
    library.error = None
    assert library.gathering.find("a") == 3
