"""Many requests at once on the real ledger: a call is taken once, a fee paid once, a notice counted once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import UUID

import psycopg
import pytest
from bar import ALL_MATCH, BOTH, CONSENT, WILL, StaleQueue
from databases import NewDatabase
from memory_office import BANK, CASHIER, NINO, holder_of
from permit import FEE, Permit, Permits, file_permit
from till import AUNT

from domain.calendar import ROUND_THE_CLOCK
from domain.event import Act
from domain.language import Language
from domain.office import CommandReused, Office
from domain.payments.bank import BankOrder, CreditNotice, OrderStatus
from domain.payments.commands import Commands as Payments
from domain.payments.commands import Rules as PaymentRules
from domain.payments.payment import Payment
from domain.payments.refusals import TransactionUsed
from domain.people import Actor, Role
from domain.refusals import Refusal
from domain.staff.commands import Commands as Staff
from domain.staff.reading import Purpose
from domain.videobar.call import Call
from domain.videobar.commands import Commands as Bar
from domain.videobar.refusals import NobodyWaiting
from domain.videobar.rules import Bar as BarRules
from domain.videobar.rules import Rules as BarRulesOfAll
from domain.videobar.terms import BreakOff, Channel, Phase, Side
from ledger.opening import Ledger, open_ledger
from ledger.schema import make_key_store, make_ledger


class House:
    """The office on PostgreSQL with everything that these tests command."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.office = Office(env=ledger.env)
        self.cases = Permits(self.office)
        self.queue = StaleQueue()
        rules = BarRulesOfAll(bars={"mushrooms": BarRules(Role.OPERATOR, ROUND_THE_CLOCK, CONSENT)})
        self.bar = Bar(self.office, self.cases, self.queue, rules)
        self.payments = Payments(self.office, self.cases, ledger.keys, PaymentRules())

    def act(self, by: Actor) -> Act:
        return self.office.act(by, "test")

    def permit(self, reference: str = "R-1") -> Permit:
        return file_permit(self.office, self.ledger.keys.mint(), reference)

    def enter(self, permit: Permit) -> UUID:
        call = self.bar.enter(
            self.act(holder_of(permit)), case=permit.id, consent=CONSENT, consent_language=Language.KA, media=BOTH
        ).stream
        if call not in self.queue.entered:
            self.queue.entered.append(call)
        return call

    def cash(self, transaction: str = "cash-1", reference: str = "R-1") -> UUID:
        notice = CreditNotice(transaction, FEE, reference, AUNT, date(2026, 11, 20))
        return self.payments.receive_cash(self.act(BANK), notice=notice).stream

    def pay(self, order: UUID, transaction: str) -> UUID:
        answer = BankOrder(order, OrderStatus.PAID, FEE, transaction, AUNT)
        return self.payments.settle(self.act(BANK), payment=order, bank_answer=answer).stream

    def story(self, stream: UUID) -> list[str]:
        return [type(event).__name__ for event in self.office.history(stream)]


Place = tuple[str, str, Path]
"""Where an office stands: ledger, key store, folder of keys."""


@pytest.fixture
def place(new_database: NewDatabase, tmp_path: Path) -> Place:
    return new_database(_ledger), new_database(make_key_store), tmp_path / "keys"


def _ledger(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        make_ledger(connection)


@contextmanager
def opened(place: Place) -> Iterator[House]:
    ledger = open_ledger(*place)
    house = House(ledger)
    yield house
    house.office.close()
    ledger.close()


@pytest.fixture
def house(place: Place) -> Iterator[House]:
    with opened(place) as house:
        yield house


def keys_minted(place: Place) -> int:
    """How many subjects have a key."""
    with psycopg.connect(place[1]) as keys:
        return len(keys.execute("SELECT FROM keystore.subject WHERE wrapped IS NOT NULL").fetchall())


def at_once(*attempts: Callable[[], Any]) -> list[Any]:
    """What each attempt answered or refused, all of them begun together."""
    ready = Barrier(len(attempts))

    def run(attempt: Callable[[], Any]) -> Any:
        ready.wait()
        try:
            return attempt()
        except Refusal as refusal:
            return type(refusal)

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(run, attempts))


def test_eight_operators_and_five_waiting(house: House) -> None:
    waiting = [house.enter(house.permit(f"R-{n}")) for n in range(5)]
    operators = [Actor(f"operator-{n}", Role.OPERATOR) for n in range(8)]

    answers = at_once(*(lambda o=o: house.bar.claim_next(house.act(o)).stream for o in operators))

    assert answers.count(NobodyWaiting) == 3
    assert sorted(a for a in answers if a is not NobodyWaiting) == sorted(waiting)
    assert all(house.story(call) == ["Requested", "Claimed"] for call in waiting)


def test_one_operator_asking_six_times_holds_one_call(house: House) -> None:
    calls = [house.enter(house.permit(f"R-{n}")) for n in range(4)]

    answers = at_once(*(lambda: house.bar.claim_next(house.act(NINO)).stream,) * 6)

    assert set(answers) == {calls[0]}
    assert [house.office.load(Call, call).phase for call in calls[1:]] == [Phase.WAITING] * 3


def test_one_applicant_entering_six_times_waits_once(house: House) -> None:
    permit = house.permit()
    assert len(set(at_once(*(lambda: house.enter(permit),) * 6))) == 1


def test_card_and_cash_at_once_pay_once_and_nothing_is_lost(house: House) -> None:
    permit = house.permit()
    order = house.payments.open_card(house.act(holder_of(permit)), case=permit.id).stream

    at_once(
        lambda: house.pay(order, "card-1"),
        lambda: house.cash("cash-1"),
        lambda: house.pay(order, "card-1"),
        lambda: house.cash("cash-2"),
        lambda: house.cash("cash-1"),
    )

    again = house.cases.load(permit.id)
    assert sorted(house.story(permit.id)) == ["Filed", "Paid", "RefundDue", "RefundDue"]
    assert len({again.paid_by, *again.due}) == 3


def test_money_that_its_twin_credits_between_the_looks_at_order_and_case_is_due_back_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    permit = house.permit()
    order = house.payments.open_card(house.act(holder_of(permit)), case=permit.id).stream
    house.cash()
    load, twins = house.cases.load, []

    def slow(case: UUID) -> Permit:
        if not twins:
            twins.append(None)
            twins.append(house.pay(order, "card-1"))
        return load(case)

    monkeypatch.setattr(house.cases, "load", slow)
    assert house.pay(order, "card-1") == twins[1] == order
    assert house.story(permit.id) == ["Filed", "Paid", "RefundDue"]


def test_two_offices_that_take_one_notice_at_once_seal_under_one_key(
    house: House, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bank's callback and its statement: both have sealed before either appends."""
    permit, minted = house.permit(), keys_minted(place)
    with opened(place) as other:
        sealed = Barrier(2)
        for office in (house.office, other.office):
            monkeypatch.setattr(office, "commit", behind(sealed, office.commit))
        assert len(set(at_once(house.cash, other.cash))) == 1
    assert house.story(permit.id) == ["Filed", "Paid"]
    assert keys_minted(place) == minted + 1


def behind(barrier: Barrier, commit: Callable[..., Any]) -> Callable[..., Any]:
    """Commits once all have come so far; whoever comes again is not kept."""
    first = iter([True])

    def committed(*aggregates: Any, **facts: Any) -> Any:
        if next(first, False):
            barrier.wait(60)
        return commit(*aggregates, **facts)

    return committed


KILLED = """
import os, pathlib, signal, sys
from test_at_once import House, open_ledger
ledger, keys, folder = sys.argv[1:]
house = House(open_ledger(ledger, keys, pathlib.Path(folder)))
house.office.commit = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
house.cash()
"""


def test_money_taken_after_a_kill_is_sealed_under_the_key_that_was_minted_before(house: House, place: Place) -> None:
    permit, minted = house.permit(), keys_minted(place)
    here = Path(__file__).parent
    paths = os.pathsep.join(map(str, (here.parents[1], here.parent, here)))
    for _ in range(2):
        killed = subprocess.run([sys.executable, "-c", KILLED, *place], env={**os.environ, "PYTHONPATH": paths})
        assert killed.returncode == -signal.SIGKILL
    house.cash()
    assert house.story(permit.id) == ["Filed", "Paid"]
    assert keys_minted(place) == minted + 1


def test_a_notice_that_comes_again_after_its_payer_was_erased_is_known_and_mints_nobody(
    house: House, place: Place
) -> None:
    """Also for whoever asked whether it is known before it was, and goes on long after."""
    permit = house.permit()
    payment = house.cash()
    payer = house.office.load(Payment, payment).subject
    assert payer is not None
    house.ledger.keys.erase(payer)
    left = keys_minted(place)
    assert house.cash() == payment
    assert keys_minted(place) == left

    find, asked = house.office.find, iter([True])
    house.office.find = lambda kind, value: None if next(asked, False) else find(kind, value)  # type: ignore[method-assign]
    commit, tried = house.office.commit, list[Any]()
    house.office.commit = lambda *what, **facts: (tried.append(what), commit(*what, **facts))[1]  # type: ignore[method-assign]
    assert house.cash() == payment
    assert tried == []
    assert house.story(permit.id) == ["Filed", "Paid"]


def test_one_transaction_for_two_orders_at_once_counts_for_one(house: House) -> None:
    orders = []
    for reference in ("R-1", "R-2"):
        permit = house.permit(reference)
        orders.append(house.payments.open_card(house.act(holder_of(permit)), case=permit.id).stream)

    answers = at_once(*(lambda o=o: house.pay(o, "card-1") for o in orders))

    assert answers.count(TransactionUsed) == 1
    assert sorted(house.story(o)[-1] for o in orders) == ["Opened", "Succeeded"]


def test_a_whole_call_a_suspense_and_a_refund_come_back_from_the_ledger_as_they_went_in(house: House) -> None:
    permit = house.permit()
    call = house.enter(permit)
    for end in (BreakOff.LINE_LOST, None):
        house.bar.claim_next(house.act(NINO))
        for side, by in ((Side.APPLICANT, holder_of(permit)), (Side.OPERATOR, NINO)):
            house.bar.connected(house.act(by), call=call, side=side, channel=Channel.VIDEO)
        if end is not None:
            house.bar.break_off(house.act(NINO), call=call, reason=end)
    moment: datetime = house.office.desk.now()
    house.bar.store_recording(
        house.act(NINO), call=call, file=permit.id, side=Side.APPLICANT, began=moment, ended=moment
    )
    house.bar.record_checks(house.act(NINO), call=call, checks=ALL_MATCH, will=WILL)
    house.bar.verify(house.act(NINO), call=call)

    nobodys = house.cash("cash-9", "nobody's")
    house.payments.order_refund(house.act(CASHIER), payment=nobodys)
    house.payments.refunded(house.act(BANK), payment=nobodys, bank_transaction="back-9")
    reading = Staff(house.office).read(
        house.act(CASHIER), subjects=[house.ledger.keys.mint()], purpose=Purpose.PAYMENT, what="suspense"
    )

    checks = house.office.history(call)[-2]
    assert (type(checks), checks.checks, checks.will) == (Call.ChecksRecorded, ALL_MATCH, WILL)
    assert house.office.load(Call, call).is_over
    credit = house.office.history(nobodys)[0]
    assert (credit.payer, credit.reference, credit.received) == (AUNT, "nobody's", FEE)
    assert house.office.load(Payment, nobodys).refund_transaction == "back-9"
    assert house.story(reading.stream) == ["PersonalDataRead"]


def test_the_same_command_at_once_is_done_once_and_with_another_body_refused(house: House) -> None:
    permit = house.permit()
    command = house.act(holder_of(permit)).command

    def enter(body: bytes) -> UUID:
        act = house.office.act(holder_of(permit), "enterBar", command, body)
        return house.bar.enter(act, case=permit.id, consent=CONSENT, consent_language=Language.KA, media=BOTH).stream

    assert len(set(at_once(*(lambda: enter(b"a"),) * 4))) == 1
    with pytest.raises(CommandReused):
        enter(b"b")
