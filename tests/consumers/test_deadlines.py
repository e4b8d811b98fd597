"""The deadlines consumer on the real ledger and the sandbox bank, with the clock set forward."""

import sqlite3
import threading
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
import structlog
from consumer_house import CASHIER, OPERATOR

import texts
from consumers.compatriot.terms import ApplicationTerms
from consumers.duties import Duties, Duty, Later
from consumers.terms import Terms
from domain.compatriot.lapse import AlreadyWarned
from domain.language import Language
from domain.office import TooBusy
from domain.payments.payment import Payment
from domain.videobar.terms import Media
from housekeeping.statement import Statement
from sarkmeli.case_files import LedgerFiles
from sarkmeli.following import open_checkpoints

END_THE_SIGNERS = """
SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_locks
WHERE locktype = 'advisory' AND (classid, objid) = (1398895211, 6)
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture
def duty(at):
    """Do one duty of the office's once, after the read models have caught up."""

    def do(name):
        at.project()
        return next(each for each in at.house.deadlines().duties if each.name == name).do()

    return do


def test_a_failing_duty_is_logged_as_of_the_part_that_does_it(at, monkeypatch):
    """The checkpoints once spoke as the deadlines."""
    said, stop = [], threading.Event()

    class Heard:
        def __init__(self, part):
            self.part = part

        def error(self, what, **facts):
            said.append((self.part, what, facts["error"]))
            stop.set()

    monkeypatch.setattr(structlog, "get_logger", Heard)
    Duties("checkpoints", [Duty("sum", 1.0, lambda: 1 // 0)]).run_forever(stop)
    assert said == [("checkpoints", "duty failed", "ZeroDivisionError")]
    with open_checkpoints(at.house.settings) as checkpoints:
        assert checkpoints._log.part == "checkpoints"


def test_a_database_that_goes_away_is_one_plain_warning_and_the_checkpoints_go_on(at, capsys):
    """PostgreSQL ends every connection when it restarts."""
    stop, rounds = threading.Event(), []
    with (
        open_checkpoints(at.house.settings) as checkpoints,
        psycopg.connect(at.house.settings.ledger_conninfo, autocommit=True) as db,
    ):
        (duty,) = checkpoints.duties

        def told():
            if rounds == ["ended"]:
                stop.set()
            elif not rounds:
                assert db.execute(END_THE_SIGNERS).fetchone() == (1,)
                rounds.append("ended")
            return duty.do()

        duty.do()
        Duties("checkpoints", [Duty(duty.name, 0.01, told)]).run_forever(stop)
    said = capsys.readouterr()
    assert "AdminShutdown" in said.out + said.err
    assert "Traceback" not in said.out + said.err
    assert "duty failed" not in said.out + said.err


def test_who_brings_nothing_is_warned_once_and_lapses_once(at, duty):
    case = at.register()
    at.days_pass(22)
    assert duty("terms") == 0
    at.days_pass(1)
    assert (duty("terms"), duty("terms")) == (1, 0)
    assert at.story(case) == ["ExpiryWarned"]
    at.house.notices().run_once()
    at.days_pass(7)
    assert duty("terms") == 0
    at.days_pass(1)
    assert (duty("terms"), duty("terms")) == (1, 0)
    assert at.story(case) == ["ExpiryWarned", "Lapsed"]


def test_nothing_lapses_while_the_warning_waits_for_the_mail_server(at, duty, sandbox):
    to = f"unheard.{uuid4().hex[:8]}@example.org"
    case = at.register(to)
    at.days_pass(23)
    duty("terms")
    at.days_pass(8)
    assert (duty("terms"), duty("terms")) == (1, 0)
    assert at.story(case) == ["ExpiryWarned", "ExpiryWarned"], "warned again, with a day that moved"
    until = at.application(case).answer_until
    at.house.notices().run_once()
    _, warned = sandbox.mails(to)
    assert texts.spoken(until, "en") in warned["text"], "one mail, that says the day that is true"
    at.days_pass(8)
    assert duty("terms") == 1
    assert at.story(case)[-1] == "Lapsed"


def test_a_warning_that_was_mailed_late_is_given_again(at, duty):
    case = at.register()
    at.days_pass(23)
    duty("terms")
    at.house.notices().run_once()
    with at.house.pool.connection() as db:
        db.execute("UPDATE housekeeping.notice SET sent_at = now() + interval '24 days' WHERE kind = 'expiry_warned'")
    at.days_pass(8)
    assert duty("terms") == 1
    assert at.story(case) == ["ExpiryWarned", "ExpiryWarned"]


def test_a_warning_that_no_mail_server_will_ever_take_holds_up_nothing(at, duty):
    case = at.register()
    at.days_pass(23)
    duty("terms")
    at.house.notices().run_once()
    with at.house.pool.connection() as db:
        db.execute(
            "UPDATE housekeeping.notice SET sent_at = NULL, gave_up = 'MailRejected' WHERE kind = 'expiry_warned'"
        )
    at.days_pass(8)
    assert duty("terms") == 1
    assert at.story(case) == ["ExpiryWarned", "Lapsed"]


def test_a_warning_is_not_mailed_to_who_has_brought_everything_meanwhile(at, duty, sandbox):
    to = f"moot.{uuid4().hex[:8]}@example.org"
    case = at.register(to)
    at.days_pass(23)
    duty("terms")
    at.house.compatriot.withdraw(at.office.act(at.holder(case), "withdraw"), case=case)
    at.house.notices().run_once()
    assert [mail["message_id"].split(".")[2].split("@")[0] for mail in sandbox.mails(to)] == ["registered", "withdrawn"]


def test_one_case_that_cannot_be_decided_keeps_no_other_waiting(at, duty, capsys):
    broken, other = at.register(), at.register()
    at.days_pass(25)
    at.project()
    terms = Terms(at.office, ApplicationTerms(at.house.compatriot, at.house.pool), at.house.pool)
    warn = at.house.compatriot.warn

    def mistaken(act, *, case, **asked):
        if case == broken:
            raise KeyError("canary")
        return warn(act, case=case, **asked)

    at.house.compatriot.warn = mistaken
    assert terms.keep() == 1
    assert at.story(other) == ["ExpiryWarned"]
    assert str(broken) in capsys.readouterr().out


def test_cash_that_could_not_be_stored_is_taken_in_the_next_round(at, duty, sandbox):
    case = at.register()
    duty("cash")
    sandbox.pay_cash(reference=str(at.application(case).cash_reference), amount="50.00", delivery="lost")
    take = at.house.payments.receive_cash

    def busy(act, **asked):
        raise TooBusy

    at.house.payments.receive_cash = busy
    with pytest.raises(Later):
        duty("cash")
    at.house.payments.receive_cash = take
    assert duty("cash") == 1
    assert at.story(case) == ["Paid"]


def test_a_call_whose_operator_went_away_waits_again(at, duty):
    case = at.register()
    bar = at.house.videobar
    enter = at.office.act(at.holder(case), "enter")
    call = bar.enter(
        enter, case=case, consent="v1", consent_language=Language.KA, media=Media(camera=True, microphone=True)
    ).stream
    at.project()
    bar.claim_next(at.office.act(OPERATOR, "claim"))
    assert duty("calls left hanging") == 0
    at.days_pass(1)
    assert (duty("calls left hanging"), duty("calls left hanging")) == (1, 0)
    assert at.events(call) == ["Requested", "Claimed", "BrokenOff"]


def test_after_a_weeks_stop_a_late_warning_moves_the_last_day(at, duty):
    case = at.register()
    registered_until = at.application(case).answer_until
    at.days_pass(33)
    assert (duty("terms"), duty("terms")) == (1, 0)
    assert at.story(case) == ["ExpiryWarned"]
    at.house.notices().run_once()
    moved_by = at.application(case).answer_until - registered_until
    assert moved_by.days == 10
    at.days_pass(7)
    assert duty("terms") == 0
    at.days_pass(1)
    assert duty("terms") == 1
    assert at.story(case) == ["ExpiryWarned", "Lapsed"]


def test_after_a_long_stop_nobody_of_many_is_missed(at, duty):
    cases = [at.register(f"nobody{number}@example.org") for number in range(103)]
    at.days_pass(40)
    assert duty("terms") == len(cases)
    assert {tuple(at.story(case)) for case in cases} == {("ExpiryWarned",)}
    at.house.notices().run_once()
    at.days_pass(8)
    assert duty("terms") == len(cases)
    assert {tuple(at.story(case)) for case in cases} == {("ExpiryWarned", "Lapsed")}


def test_a_stale_read_model_warns_nobody_twice(at):
    case = at.register()
    at.days_pass(25)
    at.project()
    terms = Terms(at.office, ApplicationTerms(at.house.compatriot, at.house.pool), at.house.pool)
    assert terms.keep() == 1
    again = Terms(at.office, ApplicationTerms(at.house.compatriot, at.house.pool), at.house.pool)
    assert again.keep() == 1, "the same command again: the ledger knows it and answers what it did"
    assert at.story(case) == ["ExpiryWarned"]
    with pytest.raises(AlreadyWarned):
        at.house.compatriot.warn(at.office.act(at.office.history(case)[-1].by, "warn"), case=case)


def test_a_lost_callback_is_found_by_asking(at, duty, sandbox):
    case = at.register()
    sandbox.pay(at.at_bank(case), card="4000000000000051")
    assert duty("orders at the bank") == 1
    assert at.story(case) == ["Paid"]
    assert duty("orders at the bank") == 0


def test_an_order_that_expired_here_is_asked_about_until_the_bank_has_said_its_last_word(at, duty, sandbox):
    case = at.register()
    page = at.at_bank(case)
    at.days_pass(1)
    assert (duty("orders out of time"), duty("orders out of time")) == (1, 0)
    assert duty("orders at the bank") == 0
    sandbox.pay(page, card="4000000000000051")
    at.days_pass(1)
    assert duty("orders at the bank") == 1
    assert at.story(case) == ["Paid"]
    assert at.events(at.order(case)) == ["Opened", "Expired", "Succeeded"]


def test_an_order_that_nobody_opened_at_the_bank_fails_after_its_grace(at, duty):
    case = at.register()
    at.days_pass(1)
    duty("orders out of time")
    assert duty("orders at the bank") == 0
    at.days_pass(1)
    assert duty("orders at the bank") == 1
    assert at.events(at.order(case)) == ["Opened", "Expired", "Failed"]


def test_while_the_bank_is_away_nothing_is_lost(at, duty, sandbox):
    case = at.register()
    sandbox.pay(at.at_bank(case), card="4000000000000051")
    sandbox.stop()
    try:
        with pytest.raises(Later):
            duty("orders at the bank")
        with pytest.raises(Later):
            duty("cash")
    finally:
        sandbox.start()
    del at.house.bank  # a new process: its circuit to the bank is closed
    assert duty("orders at the bank") == 1
    assert at.story(case) == ["Paid"]


def test_cash_whose_notice_was_lost_is_taken_once(at, duty, sandbox):
    case = at.register()
    application = at.application(case)
    sandbox.pay_cash(reference=str(application.cash_reference), amount="50.00", delivery="lost")
    assert duty("cash") >= 1
    assert duty("cash") == 0
    assert at.story(case) == ["Paid"]


def test_a_notice_that_makes_no_sense_is_told_and_holds_up_no_other(at, duty, sandbox, capsys):
    duty("cash")
    first, second = at.register(), at.register()
    odd, _ = (
        sandbox.pay_cash(reference=str(at.application(case).cash_reference), amount="50.00", delivery="lost")
        for case in (first, second)
    )
    odd = odd.headers["X-Transaction-Id"]
    bank = sqlite3.connect(sandbox.folder / "state.sqlite", isolation_level=None)
    spoil = "UPDATE credit_notice SET currency = ? WHERE transaction_id = ?"
    bank.execute(spoil, ("ლარი", odd))
    assert duty("cash") == 1
    assert (at.story(first), at.story(second)) == ([], ["Paid"])
    told = [line for line in capsys.readouterr().out.splitlines() if "credit unreadable" in line]
    assert len(told) == 1
    assert odd in told[0]
    assert "ლია" not in told[0]
    statement = Statement(at.house.pool)
    assert [notice.transaction for notice in statement.unread()] == [odd]

    assert (duty("cash"), duty("cash that made no sense")) == (0, 0), "it is not lost, and nothing is guessed"
    bank.execute(spoil, ("GEL", odd))
    assert duty("cash that made no sense") == 1
    assert at.story(first) == ["Paid"]
    assert statement.unread() == ()


def test_money_is_sent_back_once_however_often_that_is_tried(at, duty, sandbox):
    case = at.register()
    reference = str(at.application(case).cash_reference)
    sandbox.pay_cash(reference=reference, amount="50.00", delivery="lost")
    sandbox.pay_cash(reference=reference, amount="50.00", delivery="lost")
    duty("cash")
    assert at.story(case) == ["Paid", "RefundDue"]
    payment = next(iter(at.application(case).refunds))
    at.house.payments.order_refund(at.office.act(CASHIER, "order refund"), payment=payment)
    money = at.office.load(Payment, payment)
    at.house.bank.refund(payment, money.transaction, money.received)  # and the office died before it could note it
    assert (duty("money sent back"), duty("money sent back")) == (1, 0)
    assert at.events(payment)[-2:] == ["RefundOrdered", "Refunded"]
    assert at.story(case) == ["Paid", "RefundDue", "Refunded"]
    assert at.office.load(Payment, payment).received.amount == Decimal("50.00")


def test_unused_uploads_go_and_those_that_a_case_holds_stay(at, duty):
    case = at.register()
    held = set(at.application(case).documents)
    files = LedgerFiles(at.office, at.house.ledger.reader)
    draft = at.office.history(case)[0].draft
    assert set(files.of(draft, None)) == set(files.of(draft, case)) == {document.file for document in held}
    assert duty("drafts and uploads") == 0
    assert duty("what has expired") >= 0
