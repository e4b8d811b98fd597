"""The law of a compatriot application, written a second time and from the conditions alone.

It imports nothing of the product. Each step answers with what it leaves in the case: a list of events, or a `No` with
the refusal's code. Where two rules forbid a step, who may act is asked first, then whether the case is open, then the
step's own conditions.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

GEORGIA = timezone(timedelta(hours=4))
"""Georgia has kept this offset, summer and winter, since 2005."""


class No(Exception):
    """The law forbids it."""


class Law:
    """One application, as the conditions see it."""

    def __init__(
        self, now: datetime, *, term: int, gives_back: frozenset[str] = frozenset({"RECEPTION_REFUSED"})
    ) -> None:
        self.term = term
        self.gives_back = gives_back
        self.paid = self.seen = self.reviewed = self.concluded = self.decided = self.delivered = False
        self.over: str | None = None
        self.asked_on: date | None = None
        self.last_day = self.day(now) + timedelta(days=30)
        self.warned: set[str] = set()
        self.end: date | None = None
        self.extended = False
        self.operator: str | None = None
        self.officer: str | None = None
        self.officers: set[str] = set()
        self.chiefs: set[str] = set()
        self.entered: date | None = None
        """When whoever waits at the bar came."""
        self.broken = 0
        self.owed = 0
        """Payments that are due back."""
        self.forgotten = False
        """Two persons decided that the applicant be forgotten; then nothing else happens, and money is nobody's."""

    @staticmethod
    def day(now: datetime) -> date:
        return now.astimezone(UTC).astimezone(GEORGIA).date()

    # Where it stands.

    @property
    def lacking(self) -> list[str]:
        if self.over or self.decided:
            return []
        if self.asked_on:
            return ["INFORMATION"]
        return [name for name, there in (("FEE", self.paid), ("CALL", self.seen)) if not there]

    @property
    def state(self) -> str:
        if self.over:
            return self.over
        if self.delivered:
            return "DELIVERED"
        if self.decided:
            return "DECIDED"
        if self.concluded:
            return "CONCLUSION_PREPARED"
        if self.asked_on:
            return "INFORMATION_REQUESTED"
        if self.reviewed:
            return "UNDER_REVIEW"
        return {
            (False, False): "AWAITING_PAYMENT_AND_VIDEO",
            (True, False): "AWAITING_VIDEO",
            (False, True): "AWAITING_PAYMENT",
            (True, True): "IN_TERM",
        }[self.paid, self.seen]

    # Reception.

    def pay(self, now: datetime) -> list[str]:
        """The fee, whole: the first pays, any other and any later one is owed back."""
        if self.paid or self.over or self.decided:
            self.owed += 1
            return ["RefundDue"]
        self.paid = True
        self._start(now)
        return ["Paid"]

    def pay_wrong(self) -> list[str]:
        """Another sum by card is owed back whole, whatever the case is up to."""
        self.owed += 1
        return ["RefundDue"]

    def see(self, now: datetime, operator: str) -> list[str]:
        self._awaits_call()
        self.seen, self.operator, self.entered = True, operator, None
        self._start(now)
        return ["VideoVerified"]

    def refuse_reception(self) -> list[str]:
        self._awaits_call()
        return self._finish("RECEPTION_REFUSED", "ReceptionRefused")

    def break_off(self, now: datetime) -> list[str]:
        """No electronic reception without visual contact: the third broken call ends it."""
        self._awaits_call()
        self.entered = self.entered or self.day(now)
        self.broken += 1
        return self._finish("RECEPTION_REFUSED", "ReceptionRefused") if self.broken == 3 else []

    # Review.

    def begin(self, person: str) -> list[str]:
        self._officer(person)
        self._received()
        if self.reviewed:
            raise No("REVIEW_ALREADY_STARTED")
        self.reviewed = True
        self._works(person)
        return ["ReviewStarted"]

    def assign(self, person: str, chief: str) -> list[str]:
        self._chief(chief)
        self._received()
        if self.concluded:
            raise No("CONCLUSION_ALREADY_PREPARED")
        if person in {self.operator, chief, *self.chiefs}:
            raise No("SAME_PERSON")
        if person == self.officer:
            return []
        self.officer = person
        self.chiefs.add(chief)
        return ["Assigned"]

    def ask(self, now: datetime, person: str) -> list[str]:
        self._officer(person)
        self._under_review()
        self._works(person)
        self.asked_on = self.day(now)
        self.last_day, self.warned = self.asked_on + timedelta(days=30), set()
        return ["InformationRequested"]

    def answer(self, now: datetime) -> list[str]:
        self._received()
        if self.asked_on is None:
            raise No("NO_INFORMATION_REQUESTED")
        self.end += max(self.day(now) - self.asked_on, timedelta())
        self.asked_on, self.warned = None, set()
        return ["InformationProvided"]

    def attach(self, person: str) -> list[str]:
        self._officer(person)
        self._in_review()
        self._works(person)
        return ["DocumentAttached"]

    def extend(self, now: datetime, days: int, chief: str) -> list[str]:
        self._chief(chief)
        self._received()
        if self.extended:
            raise No("TERM_ALREADY_EXTENDED")
        if not 0 < days < 31:
            raise No("EXTENSION_OUT_OF_BOUNDS")
        if (self.asked_on or self.day(now)) > self.end:
            raise No("TERM_OVER")
        self.extended = True
        self.chiefs.add(chief)
        self.end += timedelta(days=days)
        return ["TermExtended"]

    def conclude(self, person: str) -> list[str]:
        self._officer(person)
        self._under_review()
        self._works(person)
        self.concluded = True
        return ["ConclusionPrepared"]

    def decide(self, person: str) -> list[str]:
        self._chief(person)
        self._received()
        if not self.concluded:
            raise No("CONCLUSION_MISSING")
        self.decided = True
        return ["Decided"]

    def receive(self) -> list[str]:
        if self.over:
            raise No("APPLICATION_ENDED")
        if not self.decided:
            raise No("NOT_YET_DECIDED")
        first, self.delivered = not self.delivered, True
        return ["DecisionDelivered"] if first else []

    # Ends.

    def withdraw(self) -> list[str]:
        self._open()
        return self._finish("WITHDRAWN", "Withdrawn")

    def forget(self) -> list[str]:
        """A case under consideration is kept for that; and whoever is owed money gets it first."""
        if not (self.over or self.decided):
            raise No("STILL_CONSIDERED")
        if self.owed:
            raise No("MONEY_DUE_BACK")
        self.forgotten = True
        return ["ErasureRequested"]

    def warn(self, now: datetime) -> list[str]:
        if not self.lacking:
            raise No("NOTHING_MISSING")
        if not set(self.lacking) - self.warned:
            raise No("ALREADY_WARNED")
        if self.day(now) < self.last_day - timedelta(days=7):
            raise No("TOO_EARLY_TO_WARN")
        self.warned = set(self.lacking)
        self.last_day = max(self.last_day, self.day(now) + timedelta(days=7))
        return ["ExpiryWarned"]

    def lapse(self, now: datetime) -> list[str]:
        if not self.lacking:
            raise No("NOTHING_MISSING")
        if set(self.lacking) - self.warned:
            raise No("NOT_WARNED")
        if self.day(now) <= self.last_day:
            raise No("NOT_YET_LAPSED")
        if self.lacking == ["CALL"] and self.entered is not None and self.entered <= self.last_day:
            raise No("CALL_IN_PROGRESS")
        return self._finish("LAPSED", "Lapsed")

    # What several steps ask.

    def _open(self) -> None:
        if self.over:
            raise No("APPLICATION_ENDED")
        if self.decided:
            raise No("ALREADY_DECIDED")

    def _received(self) -> None:
        self._open()
        if not (self.paid and self.seen):
            raise No("NOT_YET_RECEIVED")

    def _awaits_call(self) -> None:
        self._open()
        if self.seen:
            raise No("ALREADY_VERIFIED")

    def _in_review(self) -> None:
        self._received()
        if self.concluded:
            raise No("CONCLUSION_ALREADY_PREPARED")
        if not self.reviewed:
            raise No("REVIEW_NOT_STARTED")

    def _under_review(self) -> None:
        self._in_review()
        if self.asked_on:
            raise No("INFORMATION_AWAITED")

    def _chief(self, person: str) -> None:
        if person == self.operator or person in self.officers:
            raise No("SAME_PERSON")

    def _officer(self, person: str) -> None:
        if person == self.operator or person in self.chiefs:
            raise No("SAME_PERSON")
        if self.officer not in (None, person):
            raise No("NOT_YOUR_CASE")

    def _works(self, person: str) -> None:
        self.officer = person
        self.officers.add(person)

    def _start(self, now: datetime) -> None:
        if self.paid and self.seen:
            self.end = self.day(now) + timedelta(days=self.term)

    def _finish(self, state: str, event: str) -> list[str]:
        fee_comes_back = self.paid and self.end is None and state in self.gives_back
        self.over = state
        self.owed += fee_comes_back
        return [event, "RefundDue"] if fee_comes_back else [event]
