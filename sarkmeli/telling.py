"""What every story shares that is told from outside: named steps, commands that may be sent again, the bar, the end."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sarkmeli.outside import Away, NotAnswered, Outside, Refused

AUDITOR = "auditor"
"""The sandbox's account that reads a case's history."""


@dataclass(frozen=True)
class Step:
    """A named step; ``do`` may be repeated and gives the sentence that tells of it."""

    name: str
    do: Callable[[], str]


@dataclass
class Telling(ABC):
    """One person's case from its first word to its last. ``language``: of the person's mails, KA or EN."""

    outside: Outside
    language: str = "EN"
    number: str = ""
    code: str = ""
    case: str = ""
    events: list[str] = field(default_factory=list[str])
    status: str = ""
    outcome: str = ""
    _ids: dict[str, UUID] = field(default_factory=dict[str, UUID])
    _draft: str = ""
    _call: str = ""
    _ticket: str = ""

    @abstractmethod
    def steps(self) -> list[Step]:
        """The story in order."""

    def open_draft(self) -> str:
        if not self._draft:
            self._draft = self.outside.ask("OpenDraft", input=self._input("draft", bearer=True))["token"]
        return "A draft is open for a day; its secret stays with the applicant."

    def read_history(self) -> str:
        told = self.outside.ask("CaseEvents", account=AUDITOR, number=self.number)
        self.events = [each["name"] for each in told["events"]]
        return f"{len(self.events)} events, and the auditor's reading is one more, elsewhere."

    def _email_confirmed(self, email: str) -> None:
        self.outside.ask("RequestEmailCode", draft=self._draft, input={"email": email})
        newest = [mail for mail in self.outside.mails(email) if "code" in mail["message_id"]][-1]
        self.outside.ask("ConfirmEmail", draft=self._draft, input={"email": email, "code": six_digits(newest["text"])})

    def _keep_number_and_code(self, mail: dict[str, Any]) -> None:
        """From the mail that says both."""
        number = re.search(r"\b[0-9]{3} [0-9]{3} [0-9]{4}\b", mail["text"])
        code = re.search(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b", mail["text"])
        assert number
        assert code
        self.number, self.code = number[0], code[0]

    def _claimed_by(self, account: str) -> None:
        claimed = self._when("NOBODY_WAITING", lambda: self._as(account, "ClaimNextCall", "claim"))
        if claimed["call"] != self._call:
            raise AssertionError("another call was given; is somebody else at this bar?")

    def _met_by(self, account: str) -> None:
        """Both sides are on the line."""

        def meet() -> None:
            with (
                self.outside.at_the_bar(self._call, ticket=self._ticket) as caller,
                self.outside.at_the_bar(self._call, account=account) as staff,
            ):
                try:
                    caller.until("connected")
                    staff.until("connected")
                except NotAnswered as silence:  # the side that we do not listen to may have been cut off
                    raise Away(str(silence)) from silence

        self.outside.patiently(meet)

    def _with_registry(self, account: str) -> dict[str, Any]:
        """The call beside the registry's record. Whoever is shown none looks again: no check would pass."""

        def look() -> dict[str, Any]:
            seen = self.outside.ask("Call", account=account, id=self._call)
            if seen["registry"] is None:
                raise Away("the civil registry does not answer")
            return seen

        return self.outside.patiently(look)

    def _status(self, at_least: str | None) -> dict[str, Any]:
        return self.outside.ask("Status", number=self.number, code=self.code, atLeast=at_least)

    def _when(self, code: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What ``ask`` gives, asked again while it is refused with ``code``: as a person would press again."""
        end = time.monotonic() + self.outside.patience
        while True:
            try:
                return ask()
            except Refused as refused:
                if refused.code != code or time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def _as(self, account: str, operation: str, command: str, **asked: Any) -> dict[str, Any]:
        return self.outside.ask(operation, account=account, input=self._input(command, **asked))

    def _held(self, command: str, **asked: Any) -> dict[str, Any]:
        return self._input(command, number=self.number, code=self.code, **asked)

    def _input(self, command: str, **asked: Any) -> dict[str, Any]:
        """An input with the command's id, which stays the same however often it is sent."""
        return {"commandId": str(self._ids.setdefault(command, uuid4())), **asked}


def six_digits(text: str) -> str:
    """The one-time code that a message holds."""
    code = re.search(r"\b[0-9]{6}\b", text)
    assert code
    return code[0]


def wait_at_the_bar(entered: dict[str, Any]) -> str:
    """What who entered is told of their wait."""
    place = entered["place"]
    wait = "unknown" if place is None or place["expectedWaitSeconds"] is None else place["expectedWaitSeconds"]
    return f"In the queue; expected wait: {wait}."
