"""Erasures carried out in the real house: killed at every step and resumed, raced by the applicant, done twice."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from consumer_house import CASHIER, opened
from erasure_steps import GROUND, GURAM, IRMA, decide, killed_at, rows

from domain.cases import DRAFT, NUMBER
from domain.compatriot.retention import MoneyDueBack, StillConsidered
from domain.erasure import ErasureNeedsAnother, ErasureUnderWay, LegalGround, PersonalDataGone
from domain.language import Language
from domain.office import Address, AddressTaken, UnknownCase
from domain.payments.bank import BankOrder, CreditNotice, OrderStatus, Payer
from domain.payments.commands import CASH_REFERENCE
from domain.payments.payment import Payment
from domain.payments.terms import Phase
from domain.people import Actor, Role, system
from domain.videobar.call import Call
from domain.videobar.checks import Checks, Source
from domain.videobar.terms import Media, Side
from gateways.files import FileMissing
from housekeeping import notices
from housekeeping.erasure_requests import ErasureGroundDiffers, ErasureNotAsked
from housekeeping.one_time_codes import CodePurpose
from housekeeping.uploads import original_of
from ledger.epochs import turn_epoch
from ledger.erasure_register import ErasureRegister
from ledger.keys import SubjectErased
from projections import case as cases
from projections import status
from sarkmeli.erasing import NotErased, resume_erasures
from sarkmeli.house import open_house
from sarkmeli.read_models import retry_stream

BANK = system("deadlines")


@pytest.fixture(scope="module")
def at(sandbox, standing_database, tmp_path_factory):
    """One house for all: every test has cases of its own."""
    files = str(tmp_path_factory.mktemp("files"))
    with opened(sandbox.folder.parent, standing_database, sandbox, files_url=files) as house:
        house.house.erasures.memory = 0.0
        yield house


@dataclass
class Left:
    """What there was of a case, to be looked for once it is erased."""

    case: UUID
    number: str
    reference: str
    draft: UUID
    subjects: tuple[UUID, ...]
    streams: tuple[UUID, ...]
    files: tuple[UUID, ...]


def full(at):
    """A case with papers in the store, a call, a payer of cash, a half-written answer, codes, mails; then withdrawn."""
    house, case = at.house, at.register(f"tamar.{uuid4().hex[:8]}@example.org")
    application = at.application(case)
    house.videobar.enter(
        at.office.act(at.holder(case), "enter"), case=case, consent="v1", consent_language=Language.EN,
        media=Media(True, True),
    )  # fmt: skip
    pay_cash(at, application.cash_reference, application.fee)
    call = house.erasures.commands.belongings(case).calls[0]
    house.presence.arrive(call.id, Side.APPLICANT, uuid4())
    for file in house.erasures.commands.belongings(case).files:
        stored(at, application.subject, file)
    papers = house.drafts.open("203.0.113.9", subject=application.subject, case=case)
    slot = house.uploads.begin(house.drafts.find(papers.token), "OTHER", "203.0.113.9")
    stored(at, application.subject, slot.file)
    house.uploads.keep(slot, "image/jpeg", 5, 5, "00" * 32)
    house.one_time_codes.issue(CodePurpose.WITHDRAWAL, case, application.form.email)
    house.compatriot.withdraw(at.office.act(at.holder(case), "withdraw"), case=case)
    send_back(at, case)
    at.project()
    house.notices().run_once()
    found = house.erasures.commands.belongings(case)
    streams = (case, *(each.id for each in (*found.calls, *found.payments)))
    return Left(
        case, application.number, application.cash_reference, found.draft, found.subjects, streams,
        (*found.files, slot.file),
    )  # fmt: skip


def stored(at, subject, file):
    for each in (file, original_of(file)):
        with at.house.files.writer(subject, each) as writer:
            writer.write(b"paper")
            writer.finish()


def pay_cash(at, reference, fee):
    notice = CreditNotice(f"C{uuid4().hex[:12]}", fee, reference, Payer("Lia", "GE00"), at.office.desk.now().date())
    return at.house.payments.receive_cash(at.office.act(BANK, "cash"), notice=notice).stream


def send_back(at, case):
    """Whatever is due back goes back."""
    for payment in at.application(case).refunds:
        at.house.payments.order_refund(at.office.act(CASHIER, "refund"), payment=payment)
        at.house.payments.refunded(
            at.office.act(BANK, "refunded"), payment=payment, bank_transaction=f"R{uuid4().hex[:12]}"
        )


def is_gone(at, left):
    """Nothing is left of the case but bare facts, wherever one looks."""
    house = at.house
    wrapped = rows(at, "SELECT wrapped FROM keystore.subject WHERE id = ANY(%s)", list(left.subjects), keys=True)
    assert wrapped == [(None,)] * len(left.subjects)
    assert set(left.subjects) <= ErasureRegister(house.settings.erasures).subjects()
    assert at.office.find(NUMBER, left.number) is None
    assert at.office.find(CASH_REFERENCE, left.reference) is None
    assert at.office.find(DRAFT, str(left.draft)) is None
    for table, column in (
        ("draft", "subject"), ("one_time_code", "holder"), ("notice", "case_id"), ("presence", "call"),
        ("erasure_request", '"case"'),
    ):  # fmt: skip
        about = list(left.subjects) if column == "subject" else [left.draft, *left.streams]
        assert rows(at, f"SELECT * FROM housekeeping.{table} WHERE {column} = ANY(%s)", about) == [], table
    assert rows(at, "SELECT * FROM ledger.address WHERE stream = %s", left.case) == []
    commands = "SELECT * FROM ledger.command WHERE stream = ANY(%s) AND position < %s"
    assert rows(at, commands, list(left.streams), erased_at(at, left)) == []
    for file in left.files:
        for each in (file, original_of(file)):
            with pytest.raises(FileMissing):
                house.files.open(left.subjects[0], each)
    assert [name for name in at.events(left.case) if "Eras" in name] == ["ErasureRequested", "PersonalDataErased"]
    assert status.find(house.pool, left.case).row is None
    for recorded in house.ledger.reader.stream(left.case):
        house.ledger.reader.open(recorded)


def erased_at(at, left):
    return rows(
        at, "SELECT position FROM ledger.event WHERE stream = %s AND topic LIKE '%%PersonalDataErased'", left.case
    )[0][0]


KILLS = [
    ("consumers.erasures", "destroy_keys", "before"),
    ("ledger.keys", "destroy", "before"),
    ("ledger.keys", "destroy", "after"),
    ("ledger.addresses", "forget", "after"),
    ("consumers.erasures", "remove_traces", "after"),
    ("housekeeping.notices", "forget", "before"),
    ("consumers.erasures", "remove_rows", "after"),
    ("consumers.erasures", "original_of", "after"),
    ("consumers.erasures", "remove_files", "after"),
    ("consumers.erasures", "say_so", "before"),
    ("consumers.erasures", "say_so", "after"),
]


@pytest.mark.parametrize(("place", "name", "when"), KILLS, ids=lambda said: str(said).rpartition(".")[2])
def test_killed_at_any_step_it_is_finished_by_the_next_round(at, place, name, when):
    left = full(at)
    decide(at, left.case)
    at.project()
    killed_at(at, left.case, place, name, when)
    at.house.erasures.resume()
    is_gone(at, left)
    assert at.house.erasures.carry_out(left.case)
    is_gone(at, left)


def test_it_waits_for_every_read_model_and_for_every_memory(at):
    left = full(at)
    decide(at, left.case)
    assert not at.house.erasures.carry_out(left.case)
    assert "PersonalDataErased" not in at.events(left.case)
    assert cases.erasing(at.house.pool) == []
    at.project()
    assert cases.erasing(at.house.pool) == [left.case]
    at.house.erasures.memory = 3600.0
    try:
        assert at.house.erasures.resume() == 0
    finally:
        at.house.erasures.memory = 0.0
    assert "PersonalDataErased" not in at.events(left.case)
    assert at.house.erasures.resume() == 1
    is_gone(at, left)
    at.project()
    assert cases.erasing(at.house.pool) == []


def test_it_waits_for_a_stream_that_a_read_model_has_set_apart(at):
    """The rows still say what they said, and the model that knows of erasures under way does not know of this one."""
    left = full(at)
    with psycopg.connect(at.house.settings.ledger_conninfo) as db:
        db.execute(
            "INSERT INTO reading.quarantine (model, version, stream, position, error) VALUES ('case', %s, %s, 1, 'X')",
            (cases.VERSION, left.case),
        )
    decide(at, left.case)
    at.project()
    assert not at.house.erasures.carry_out(left.case)
    assert cases.erasing(at.house.pool) == []
    rows_changed(at, "UPDATE housekeeping.erasure_request SET asked_at = asked_at - interval '60 days'")
    at.house.erasures.rows.requests.sweep()
    assert at.house.erasures.unfinished() == [left.case]
    assert at.house.erasures.resume() == 0
    assert "PersonalDataErased" not in at.events(left.case)
    assert at.house.erasures.asked(left.case) is None, "it waits for no second person any more"
    with pytest.raises(NotErased, match=f"`sarkmeli projections retry case {left.case}`"):
        resume_erasures(at.house.settings, print)

    assert retry_stream(at.house.settings, "case", left.case)
    assert at.house.erasures.resume() == 1
    is_gone(at, left)
    at.project()
    assert at.house.erasures.unfinished() == []


def test_who_notes_late_brings_no_notice_back(at):
    case = at.register()
    at.house.compatriot.withdraw(at.office.act(at.holder(case), "withdraw"), case=case)
    decide(at, case)
    at.project()
    assert at.house.erasures.carry_out(case)
    at.house.notices().run_once()
    assert notices.of_case(at.house.pool, case) == []


def test_two_persons_and_their_ground(at):
    case = at.register()
    erasures = at.house.erasures
    ask = lambda by, ground=GROUND: erasures.ask(at.office.act(by, "erase"), case, ground)  # noqa: E731
    confirm = lambda by, ground=None: erasures.confirm(at.office.act(by, "erase"), case, ground)  # noqa: E731
    with pytest.raises(StillConsidered):
        ask(IRMA)
    at.house.compatriot.withdraw(at.office.act(at.holder(case), "withdraw"), case=case)
    with pytest.raises(ErasureNotAsked):
        confirm(GURAM)
    assert ask(IRMA).by == IRMA.id
    with pytest.raises(ErasureNeedsAnother):
        confirm(IRMA)
    assert ask(GURAM, LegalGround.RETENTION_OVER).by == IRMA.id  # the first stands
    with pytest.raises(ErasureGroundDiffers):
        confirm(GURAM, LegalGround.RETENTION_OVER)
    assert ask(IRMA, LegalGround.RETENTION_OVER).ground is LegalGround.RETENTION_OVER
    rows_changed(at, "UPDATE housekeeping.erasure_request SET asked_at = asked_at - interval '15 days'")
    with pytest.raises(ErasureNotAsked):
        confirm(GURAM)
    assert ask(GURAM).by == GURAM.id
    confirm(IRMA, GROUND)
    with pytest.raises(ErasureUnderWay):
        ask(IRMA)
    with pytest.raises(UnknownCase):
        erasures.ask(at.office.act(IRMA, "erase"), uuid4(), GROUND)


def rows_changed(at, query):
    with psycopg.connect(at.house.settings.ledger_conninfo) as db:
        db.execute(query)


def test_nothing_undecided_is_carried_out(at):
    case = at.register()
    at.house.compatriot.withdraw(at.office.act(at.holder(case), "withdraw"), case=case)
    at.house.erasures.ask(at.office.act(IRMA, "erase"), case, GROUND)
    assert not at.house.erasures.carry_out(case)
    assert at.application(case).form.email


def test_number_and_reference_are_never_given_again_and_lead_nowhere(at):
    left = full(at)
    decide(at, left.case)
    at.project()
    assert at.house.erasures.carry_out(left.case)
    for kind, value in ((NUMBER, left.number), (CASH_REFERENCE, left.reference)):
        other = at.register()
        application = at.application(other)
        act = at.office.act(at.holder(other), "reissue")
        application.reissue_code(act, 1)
        with pytest.raises(AddressTaken):
            at.office.commit(application, act=act, addresses=[Address(kind, value, other)])
    cash = pay_cash(at, left.reference, at.application(left.case).fee)
    assert at.office.load(Payment, cash).phase is Phase.SUSPENSE
    buried = rows(at, "SELECT count(*), max(recorded_at) FROM ledger.address WHERE stream = %s", UUID(int=0))
    assert buried[0][0] >= 2
    assert buried[0][1].year == 1970


def test_money_under_way_while_the_case_is_erased_waits_for_a_cashier(at, monkeypatch):
    """The bank's answer is taken when the erasure comes between reading and storing."""
    case = at.register()
    order, fee = at.order(case), at.application(case).fee
    at.house.compatriot.withdraw(at.office.act(at.holder(case), "withdraw"), case=case)
    load, done = at.house.payments.cases.load, []

    def between(stream):
        found = load(stream)
        if not done:
            done.append(decide(at, case))
        return found

    monkeypatch.setattr(at.house.payments.cases, "load", between)
    answer = BankOrder(order, OrderStatus.PAID, fee, f"T{uuid4().hex[:12]}", Payer("Lia"))
    at.house.payments.settle(at.office.act(BANK, "settle"), payment=order, bank_answer=answer)
    payment = at.office.load(Payment, order)
    assert (payment.phase, payment.case, payment.received) == (Phase.SUSPENSE, None, fee)
    at.project()
    assert at.house.erasures.carry_out(case)
    assert at.house.ledger.keys.subject_key(payment.subject, fresh=True)
    with pytest.raises(SubjectErased):
        at.house.ledger.keys.subject_key(at.application(case).subject, fresh=True)


def test_a_fee_that_is_owed_back_when_the_second_person_confirms_stops_it(at):
    case = at.register()
    at.house.compatriot.withdraw(at.office.act(at.holder(case), "withdraw"), case=case)
    at.house.erasures.ask(at.office.act(IRMA, "erase"), case, GROUND)
    pay_cash(at, at.application(case).cash_reference, at.application(case).fee)
    with pytest.raises(MoneyDueBack):
        at.house.erasures.confirm(at.office.act(GURAM, "erase"), case)
    send_back(at, case)
    at.house.erasures.confirm(at.office.act(GURAM, "erase"), case)


def test_who_still_speaks_of_an_erased_person_is_refused(at):
    """Another process, that has not heard of it: what it would seal has no key any more."""
    case, other = at.register(), at.register()

    def enter(house, case):
        return house.videobar.enter(
            house.office.act(at.holder(case), "enter"), case=case, consent="v1", consent_language=Language.EN,
            media=Media(True, True),
        ).stream  # fmt: skip

    call = enter(at.house, case)
    at.house.eraser.destroy_keys([at.application(each).subject for each in (case, other)])
    with open_house(at.house.settings) as elsewhere:
        operator = Actor("person-operator", Role.OPERATOR)
        found = elsewhere.office.load(Call, call)
        found.claim(elsewhere.office.act(operator, "claim"), number=1)
        act = elsewhere.office.act(operator, "checks")
        found.record_checks(act, checks=Checks(), will="…", expected=Source.UPLOADED_DOCUMENT)
        with pytest.raises(PersonalDataGone):
            elsewhere.office.commit(found, act=act)
        with pytest.raises(PersonalDataGone):
            enter(elsewhere, other)


def test_erasing_while_the_epoch_turns_leaves_no_key_behind(at):
    """The key is being wrapped anew, under the row's lock, when its destruction is asked for."""
    keys = at.house.ledger.keys
    gone, kept = keys.mint(), keys.mint()
    holder = at.house.settings.key_holder
    kms = holder if not isinstance(holder, Path) else None
    if kms is None:
        from ledger.kms import KeyFolder

        kms = KeyFolder(holder)
    threads = []

    class Racing:
        """Wraps as the real one, and has the destruction asked for in the middle of it."""

        def __getattr__(self, name):
            return getattr(kms, name)

        def wrap(self, name, version, secret, context):
            if not threads:
                threads.append(threading.Thread(target=at.house.eraser.destroy_keys, args=([gone],)))
                threads[0].start()
            return kms.wrap(name, version, secret, context)

    from sarkmeli.roles import DbRole

    turn_epoch(at.house.settings.keys_as(DbRole.ERASER), Racing())
    threads[0].join()
    assert rows(at, "SELECT wrapped FROM keystore.subject WHERE id = %s", gone, keys=True) == [(None,)]
    assert keys.subject_key(kept, fresh=True).subject == kept
