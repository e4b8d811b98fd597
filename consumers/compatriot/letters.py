"""Which event of a case is told to the applicant by which mail, and what the mail says: looked up when it is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from consumers.letters import Letterhead, NobodyToWrite, NothingToTell, about
from domain.compatriot.application import Application
from domain.compatriot.commands import Commands
from domain.compatriot.term import due_on
from domain.event import Erased, Root
from domain.number import group_code, group_number
from domain.office import UnknownCase
from gateways.mail import Message
from housekeeping.notices import Notice
from ledger.reader import Reader

KINDS: Final[Mapping[type[Root.Event], str]] = {
    Application.Registered: "registered",
    Application.CodeReissued: "code_reissued",
    Application.InformationRequested: "information_requested",
    Application.Paid: "paid",
    Application.ReceptionRefused: "reception_refused",
    Application.RefundDue: "refund_due",
    Application.Refunded: "refunded",
    Application.Decided: "decision_ready",
    Application.ExpiryWarned: "expiry_warned",
    Application.Lapsed: "lapsed",
    Application.Withdrawn: "withdrawn",
}
"""The mail's name in ``texts/`` by the event that it tells of."""


class ApplicationLetters:
    """Writes the mail of a notice, in the applicant's language: implements `Letters`.

    ``pay_link`` gives the address at which the fee of a case can be paid by card, None if it no longer can.
    """

    kinds = KINDS

    def __init__(
        self, cases: Commands, reader: Reader, head: Letterhead, pay_link: Callable[[UUID], str | None]
    ) -> None:
        self.cases = cases
        self.reader = reader
        self.head = head
        self.pay_link = pay_link

    def write(self, notice: Notice) -> Message:
        """The mail. Raises: NobodyToWrite, NothingToTell."""
        application = self.cases.office.load(Application, notice.case_id)
        if application.is_forgotten:
            raise NothingToTell
        form, number = application.form, application.number
        if isinstance(form, Erased) or isinstance(number, Erased):
            raise NobodyToWrite
        return self.head.letter(
            notice.kind,
            application.language.value,
            to=form.email,
            about=about(notice),
            number=group_number(number),
            **self._facts(notice, application),
        )

    def _facts(self, notice: Notice, application: Application) -> dict[str, Any]:
        """What the mail says beside the number: of the event, and of the case as it stands now."""
        happened = self.reader.stream(notice.stream)
        event = next(told.event for told in happened if told.version == notice.version)
        match event:
            case Application.Registered():
                return {
                    "code": self._code(application),
                    "amount": application.fee,
                    "cash_reference": application.cash_reference,
                    "until": application.answer_until or event.reception_until,
                    "pay_url": self.pay_link(application.id),
                }
            case Application.CodeReissued():
                return {"code": self._code(application)}
            case Application.InformationRequested():
                return {"until": event.answer_until}
            case Application.Paid():
                moves = application.end_moves_for_holidays
                due = application.due and due_on(self.cases.rules.explained(application.due, moves=moves))
                return {"amount": event.received, "due": due, "call_until": None if due else application.answer_until}
            case Application.RefundDue() | Application.Refunded():
                return {"amount": event.amount}
            case Application.ExpiryWarned():
                still = tuple(missing for missing in event.missing if missing in application.missing)
                again = any(
                    isinstance(later.event, Application.ExpiryWarned) and later.version > notice.version
                    for later in happened
                )
                if again or not still or application.answer_until is None:
                    raise NothingToTell
                return {"missing": still, "until": application.answer_until}
            case Application.Lapsed():
                return {"missing": event.missing, "refund": bool(application.refunds)}
            case Application.ReceptionRefused() | Application.Withdrawn():
                return {"refund": bool(application.refunds)}
            case _:
                return {}

    def _code(self, application: Application) -> str:
        """The code in force now: one that was reissued meanwhile is the one that opens."""
        try:
            return group_code(self.cases.code_of(application.id))
        except (UnknownCase, LookupError):
            raise NobodyToWrite from None
