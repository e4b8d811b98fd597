"""Money's deadlines: expire orders, ask the bank about each until it has said its last word, send back, take cash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from consumers.acting import act_upon
from consumers.duties import Later
from domain.office import Office, Receipt, TooBusy
from domain.payments.bank import BankOrder, BankUnavailable, CreditNotice, OrderStatus
from domain.payments.commands import Commands
from domain.refusals import Refusal
from gateways.bank import BankDisagrees, BankOverHttp, NoticePage, Unreadable
from housekeeping.statement import Statement, Unread
from projections import payments
from projections.answers import Page, Pool
from projections.payment_rows import PaymentRow

log = structlog.get_logger("deadlines")

PAGE = 100
SOONEST = timedelta(seconds=5)
"""An order is asked about no more often than this,"""
LATEST = timedelta(minutes=10)
"""and no more seldom than this; in between, whenever it has become a tenth older."""


class Orders:
    """The office's duties towards its bank. ``pool`` is the read pool; the payment itself decides."""

    def __init__(
        self, office: Office, commands: Commands, bank: BankOverHttp, pool: Pool, statement: Statement
    ) -> None:
        self.office = office
        self.commands = commands
        self.bank = bank
        self.pool = pool
        self.statement = statement
        self._asked: dict[UUID, datetime] = {}

    def expire(self) -> int:
        """Close here what is out of time here; the bank is asked on all the same."""
        now = self.office.desk.now()
        overdue = _all(lambda after: payments.overdue(self.pool, now, after, PAGE))
        return sum(self._expired(order) for order in overdue)

    def ask(self) -> int:
        """Ask the bank about every order whose turn has come: often while it is young, then ever more seldom.

        How many orders ended. Raises: Later, if the bank is away.
        """
        now = self.office.desk.now()
        orders = list(_all(lambda after: payments.unsettled(self.pool, after, PAGE)))
        self._asked = {row.payment: self._asked[row.payment] for row in orders if row.payment in self._asked}
        return sum(self._answered(order, now) for order in orders if self._is_due(order, now))

    def send_back(self) -> int:
        """Have the bank send back what cashiers ordered; it knows each by our payment's id and does it once.

        Raises: Later, if the bank is away.
        """
        ordered = list(_all(lambda after: payments.refunds_ordered(self.pool, after, PAGE)))
        return sum(self._sent_back(row) for row in ordered)

    def take_cash(self) -> int:
        """Take every credit notice since the last; one that a callback brought before is known by its transaction.

        One that cannot be read holds up none of the others: where it stands is kept, for people and `read_again`.
        Raises: Later, if the bank is away.
        """
        taken = 0
        while True:
            before = self.statement.read()
            page = self._notices_after(before)
            for place, notice in enumerate(page.notices):
                if isinstance(notice, Unreadable):
                    self._noted(before, place, notice)
                else:
                    taken += self._credited(notice)
            if page.cursor == before:
                return taken
            self.statement.move(before, page.cursor)

    def read_again(self) -> int:
        """Take what could not be read before, once the bank or we have mended it.

        How many were taken. Raises: Later, if the bank is away.
        """
        return sum(self._taken_after_all(unread) for unread in self.statement.unread())

    def _notices_after(self, cursor: str) -> NoticePage:
        try:
            return self.bank.credit_notices(cursor)
        except BankUnavailable as away:
            raise Later("the bank is away") from away

    def _noted(self, after: str, place: int, notice: Unreadable) -> None:
        if self.statement.note(after, place, notice.transaction):
            log.error("credit unreadable: somebody must look", at_bank=notice.transaction, after=after, place=place)

    def _taken_after_all(self, unread: Unread) -> bool:
        notices = self._notices_after(unread.after).notices
        notice = notices[unread.place] if unread.place < len(notices) else None
        if notice is None or isinstance(notice, Unreadable):
            return False
        if unread.transaction not in (None, notice.transaction):
            return False
        taken = self._credited(notice)
        self.statement.forget(unread)
        return taken

    def _expired(self, order: PaymentRow) -> bool:
        act = act_upon(self.office, "expire", order.payment)
        return _unless_refused("expire", order.payment, lambda: self.commands.expire(act, payment=order.payment))

    def _is_due(self, order: PaymentRow, now: datetime) -> bool:
        asked = self._asked.get(order.payment)
        return asked is None or now - asked >= min(max((asked - order.opened_at) / 10, SOONEST), LATEST)

    def _answered(self, order: PaymentRow, now: datetime) -> bool:
        self._asked[order.payment] = now
        try:
            answer = self.bank.order(order.payment)
        except BankUnavailable as away:
            del self._asked[order.payment]
            raise Later("the bank is away") from away
        except BankDisagrees as strange:
            log.error("the bank will not say", payment=str(order.payment), why=str(strange))
            return False
        if not self._is_final(answer, order, now):
            return False
        act = act_upon(self.office, "settle", order.payment, answer.status, answer.transaction, answer.received)
        return _unless_refused(
            "settle", order.payment, lambda: self.commands.settle(act, payment=order.payment, bank_answer=answer)
        )

    def _is_final(self, answer: BankOrder, order: PaymentRow, now: datetime) -> bool:
        """Whether the bank's answer ends the order. One that it does not know may be on its way there for a while."""
        if answer.status is OrderStatus.PENDING:
            return False
        if answer.status is not OrderStatus.UNKNOWN:
            return True
        return order.expired_at is not None and now >= order.expired_at + self.commands.rules.unknown_order_grace

    def _sent_back(self, row: PaymentRow) -> bool:
        assert row.transaction is not None
        try:
            done = self.bank.refund(row.payment, row.transaction, row.amount)
        except BankUnavailable as away:
            raise Later("the bank is away") from away
        except BankDisagrees as strange:
            log.error("the bank will not send back", payment=str(row.payment), why=str(strange))
            return False
        act = act_upon(self.office, "refunded", row.payment, done.transaction)
        return _unless_refused(
            "refunded",
            row.payment,
            lambda: self.commands.refunded(act, payment=row.payment, bank_transaction=done.transaction),
        )

    def _credited(self, notice: CreditNotice) -> bool:
        act = act_upon(self.office, "cash", notice.transaction, notice.received)
        try:
            self.commands.receive_cash(act, notice=notice)
        except TooBusy as busy:  # nothing was stored: the statement must not move past this money
            raise Later("the case that is paid for keeps changing") from busy
        except Refusal as refusal:
            log.error("credit refused: somebody must look", why=refusal.code, at_bank=notice.transaction)
            return False
        return True


def _all(page: Callable[[int], Page[PaymentRow]]) -> Iterator[PaymentRow]:
    """Every row that can be trusted, a page at a time."""
    after = 0
    while True:
        found = page(after)
        yield from (row for row in found.rows if isinstance(row, PaymentRow))
        if not found.has_next:
            return
        after = found.cursors[-1]


def _unless_refused(operation: str, about: object, command: Callable[[], Receipt]) -> bool:
    try:
        command()
    except Refusal as refusal:
        log.warning("refused", operation=operation, about=str(about), why=refusal.code)
        return False
    return True
