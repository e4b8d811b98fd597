"""From the form to the term: filing, being seen, paying, in every order, and money that comes too late or twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from story import (
    ANA,
    CONSENTS,
    FORM,
    KETEVAN,
    NINO,
    RULES,
    Story,
    answered,
    asked,
    asked_by,
    assigned_to,
    begun,
    broken_off,
    code_reissued,
    concluded,
    consent_taken_back,
    consented,
    decided,
    enclosures,
    filed,
    filed_with,
    on,
    paid,
    paid_in_cash,
    refused_by_operator,
    seen,
    seen_by,
    withdrawn,
)

from domain.compatriot.form import Channel, Tier
from domain.compatriot.reception import (
    AlreadyDecided,
    AlreadyRegistered,
    AlreadyVerified,
    ApplicationEnded,
    FeeMismatch,
    NotYetReceived,
)
from domain.compatriot.refunds import AlreadyDueBack
from domain.compatriot.state import Missing, State
from domain.compatriot.term import DueStep, TermRule, due_on
from domain.consents import Consent, ConsentKind, ConsentNeeded, ConsentNotGiven, ConsentTextOutdated
from domain.event import ERASED
from domain.language import Language
from domain.number import group_number, new_number, read_code, read_number
from domain.office import CommandReused, UnknownCase
from domain.payments.case import Method, RefundReason
from domain.payments.commands import orders_of_case
from domain.payments.money import Money
from domain.payments.payment import Payment
from domain.payments.refusals import AlreadyPaid, NothingDueBack
from domain.people import Actor, Role
from domain.roles import NotForThisRole
from domain.videobar.call import Call
from domain.videobar.case import Ground
from domain.videobar.checks import Check, Checks, Source, Verdict
from domain.videobar.terms import Phase

MONDAY = date(2026, 11, 23)
FEE = Money(Decimal("50.00"))


def test_filing_mints_number_code_reference_and_the_first_order() -> None:
    story = Story().given(filed)
    application = story.application
    registered = story.last("Registered")
    assert read_number(group_number(application.number)) == application.number
    assert application.cash_reference.startswith("RF")
    assert story.office.find("number", application.number) == story.case
    assert story.office.find("cash-reference", application.cash_reference) == story.case
    assert (registered.fee, registered.term_days, registered.fee_in_force_since) == (FEE, 80, date(2012, 1, 1))
    assert registered.reception_until == date(2026, 12, 23)
    assert registered.files == tuple(document.file for document in registered.documents)
    assert read_code(story.commands.code_of(story.case)) is not None
    number, order = orders_of_case(story.office, story.case).newest()
    assert (number, story.office.load(Payment, order).fee) == (1, FEE)
    assert story.office.story(story.case) == ["Registered", "ConsentGiven"]
    story.and_state(State.AWAITING_PAYMENT_AND_VIDEO)


def test_the_expedited_tier_has_its_own_fee_and_term() -> None:
    registered = Story().given(filed_with(tier=Tier.EXPEDITED, channel=Channel.CASH)).last("Registered")
    assert (registered.fee, registered.term_days) == (Money(Decimal("100.00")), 70)
    assert (registered.tier, registered.channel) == (Tier.EXPEDITED, Channel.CASH)


def test_one_draft_is_one_application() -> None:
    Story().given(filed).when(filed).refused(AlreadyRegistered)


def test_the_same_command_files_once_and_another_body_is_refused() -> None:
    story = Story()
    act = story.office.by(Actor(str(story.draft), Role.APPLICANT), "register", uuid4(), b"body")
    filing = {"draft": story.draft, "subject": story.subjects.mint(), "form": FORM, "consents": CONSENTS}
    receipt = story.commands.register(act, **filing, documents=enclosures())
    assert story.commands.register(act, **filing, documents=()) == receipt
    with pytest.raises(CommandReused):
        story.commands.register(replace(act, body=b"other"), **filing, documents=enclosures())
    assert story.office.told().count("Registered") == 1


def test_only_the_draft_itself_files() -> None:
    story = Story()
    story.draft = story.subjects.mint()
    act = story.office.by(Actor(str(uuid4()), Role.APPLICANT))
    with pytest.raises(UnknownCase):
        story.commands.register(
            act, draft=story.draft, subject=story.subjects.mint(), form=FORM, documents=(), consents=()
        )


def test_a_taken_number_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story().given(filed)
    taken, drawn = story.application.number, iter([story.application.number])
    monkeypatch.setattr("domain.compatriot.commands.new_number", lambda: next(drawn, None) or new_number())
    story.draft = story.subjects.mint()
    story.given(filed)
    assert story.application.number != taken
    assert next(drawn, None) is None


def test_the_term_starts_when_both_are_there_in_either_order() -> None:
    tuesday = date(2026, 11, 24)
    for first, second, between, event in (
        (paid, seen, State.AWAITING_VIDEO, "VideoVerified"),
        (seen, paid, State.AWAITING_PAYMENT, "Paid"),
    ):
        story = Story().given(filed, first).and_state(between)
        assert story.events()[-1].due is None
        story.when(on(tuesday, 23)).when(second).then(event).and_state(State.IN_TERM)
        assert story.last(event).due == (DueStep(TermRule.TERM, tuesday, 80),)
        assert due_on(story.application.due) == date(2027, 2, 12)


def test_the_term_starts_with_the_later_of_both_whichever_is_stored_last() -> None:
    """A verification read one minute before midnight loses the race for the stream to a payment one minute after it."""
    story = Story().given(filed, on(date(2026, 11, 24), 0))
    midnight = story.office.ledger.clock
    call = story.talk()
    check = Check(story.application.identity_source, Verdict.MATCHES)
    checks = Checks(check, check, check, check, check, visual_contact=True)
    story.bar.record_checks(story.act(NINO), call=call, checks=checks, will="მსურს")
    before = replace(story.act(NINO), now=midnight - timedelta(minutes=1))
    story.office.later(timedelta(minutes=1))
    story.office.ledger.before_next_append = lambda: paid(story)
    story.bar.verify(before, call=call)
    assert story.last("VideoVerified").due == (DueStep(TermRule.TERM, date(2026, 11, 24), 80),)


def test_the_term_starts_on_the_day_in_tbilisi() -> None:
    """23:30 in Tbilisi is still that day; 00:30 is the next one, though the day in UTC has not turned."""
    for hour, day in ((23, 24), (0, 25)):
        story = Story().given(filed, paid, on(date(2026, 11, day), hour), seen)
        assert story.last("VideoVerified").due[0].date == date(2026, 11, day)


def test_what_is_checked_against_follows_from_the_personal_number() -> None:
    assert Story().given(filed).application.identity_source is Source.UPLOADED_DOCUMENT
    with_number = filed_with(personal_number="01001012345")
    assert Story().given(with_number).application.identity_source is Source.CIVIL_REGISTRY


def test_who_was_seen_is_not_seen_again() -> None:
    Story().given(filed, seen).when(seen).refused(AlreadyVerified)
    Story().given(filed, paid, seen, begun).when(seen).refused(AlreadyVerified)


def test_a_refused_reception_ends_the_case_and_gives_the_paid_fee_back() -> None:
    story = Story().given(filed, paid).when(refused_by_operator).then("ReceptionRefused", "RefundDue")
    story.and_state(State.RECEPTION_REFUSED)
    assert story.last("ReceptionRefused").ground is Ground.IDENTITY_DOUBT
    due = story.last("RefundDue")
    assert (due.reason, due.amount) == (RefundReason.RECEPTION_REFUSED, FEE)
    assert story.application.is_due_back(due.payment)
    Story().given(filed).when(refused_by_operator).then("ReceptionRefused")
    keeps = replace(RULES, refunded_endings=frozenset())
    Story(keeps).given(filed, paid).when(refused_by_operator).then("ReceptionRefused")


def test_the_setting_of_the_day_of_filing_decides_whether_the_fee_comes_back() -> None:
    story = Story().given(filed, paid)
    story.commands.rules = replace(RULES, refunded_endings=frozenset())
    story.when(refused_by_operator).then("ReceptionRefused", "RefundDue")


def test_without_visual_contact_the_third_broken_call_ends_the_case() -> None:
    story = Story().given(filed, paid, broken_off, broken_off).when(broken_off).then("ReceptionRefused", "RefundDue")
    assert story.last("ReceptionRefused").ground is Ground.NO_VISUAL_CONTACT
    assert story.last("ReceptionRefused").reasons is None


def test_cash_with_reference_and_amount_pays() -> None:
    story = Story().given(filed).when(paid_in_cash()).then("Paid")
    assert story.last("Paid").method is Method.CASH
    Story().given(filed).when(paid_in_cash(amount="49.99")).then()
    Story().given(filed).when(paid_in_cash(reference="RF00000000000000")).then()


def test_a_second_full_payment_is_due_back() -> None:
    story = Story().given(filed, paid).when(paid_in_cash()).then("RefundDue")
    assert story.last("RefundDue").reason is RefundReason.ALREADY_PAID
    assert story.last("RefundDue").payment != story.last("Paid").payment
    story.and_state(State.AWAITING_VIDEO)


def test_a_wrong_sum_by_card_is_due_back_and_the_fee_may_still_come() -> None:
    story = Story().given(filed).when(lambda s: s.settle(s.order(), "49.00")).then("RefundDue")
    assert story.last("RefundDue").reason is RefundReason.WRONG_AMOUNT
    story.when(paid).then("Paid").when(seen).then("VideoVerified").and_state(State.IN_TERM)


@pytest.mark.parametrize("ending", [withdrawn, refused_by_operator])
def test_money_after_the_end_is_due_back(ending: object) -> None:
    story = Story().given(filed)
    order = story.order()
    story.given(ending).when(lambda s: s.settle(order)).then("RefundDue")
    assert story.last("RefundDue").reason is RefundReason.CASE_ENDED
    story.when(paid_in_cash()).then("RefundDue")


def test_money_after_the_decision_is_due_back() -> None:
    story = Story().given(filed, paid, seen, begun, concluded, decided).when(paid_in_cash()).then("RefundDue")
    assert story.last("RefundDue").reason is RefundReason.ALREADY_PAID


def test_what_is_due_back_is_sent_back_once() -> None:
    story = Story().given(filed, paid)
    payment = story.last("Paid").payment
    application = story.application
    act = story.act(Actor("lali", Role.CASHIER))
    with pytest.raises(NothingDueBack):
        application.refunded(act, payment=payment, amount=FEE)
    application.refund_due(act, payment=payment, amount=FEE, reason=RefundReason.ALREADY_PAID)
    with pytest.raises(AlreadyDueBack):
        application.refund_due(act, payment=payment, amount=FEE, reason=RefundReason.ALREADY_PAID)
    with pytest.raises(NothingDueBack):
        application.refunded(act, payment=payment, amount=Money(Decimal("5000.00")))
    application.refunded(act, payment=payment, amount=FEE)
    assert not application.is_due_back(payment)
    with pytest.raises(NothingDueBack):
        application.refunded(act, payment=payment, amount=FEE)


def test_the_case_itself_takes_no_fee_that_is_none() -> None:
    """Payments never try; the rule holds whoever calls."""
    story = Story().given(filed)
    act, payment = story.act(Actor("bank", Role.SYSTEM)), uuid4()

    def pay(story: Story, received: Money = FEE) -> None:
        story.application.paid(act, payment=payment, received=received, method=Method.CARD)

    wrong = Money(Decimal("50.00"), "USD")
    story.when(lambda s: pay(s, wrong)).refused(FeeMismatch, expected=FEE, got=wrong)
    story.given(paid).when(pay).refused(AlreadyPaid)
    story.given(withdrawn).when(pay).refused(ApplicationEnded, state=State.WITHDRAWN)
    Story().given(filed, paid, seen, begun, concluded, decided).when(pay).refused(AlreadyDecided)


@pytest.mark.parametrize(
    "before",
    [
        (),
        (paid,),
        (seen,),
        (paid, seen),
        (paid, seen, begun),
        (paid, seen, begun, asked),
        (paid, seen, begun, concluded),
    ],
)
def test_an_application_is_withdrawn_at_any_time_before_the_decision(before: tuple[object, ...]) -> None:
    Story().given(filed, *before).when(withdrawn).then("Withdrawn").and_state(State.WITHDRAWN)


def test_a_withdrawal_gives_the_fee_back_only_by_setting_and_before_the_term() -> None:
    gives = replace(RULES, refunded_endings=frozenset({State.WITHDRAWN}))
    story = Story(gives).given(filed, paid).when(withdrawn).then("Withdrawn", "RefundDue")
    assert story.last("RefundDue").reason is RefundReason.WITHDRAWN
    Story(gives).given(filed, paid, seen).when(withdrawn).then("Withdrawn")


def test_nothing_is_done_after_a_withdrawal() -> None:
    story = Story().given(filed, paid, seen, begun, asked, withdrawn)
    for step in (withdrawn, answered, seen, concluded, asked_by(ANA), assigned_to(ANA)):
        story.when(step)
        assert story.refusal.code in {"APPLICATION_ENDED", "NOT_YOUR_CASE"}
    story.when(withdrawn).refused(ApplicationEnded, state=State.WITHDRAWN)


def test_a_decided_application_is_not_withdrawn() -> None:
    Story().given(filed, paid, seen, begun, concluded, decided).when(withdrawn).refused(AlreadyDecided)


def test_a_withdrawal_ends_the_call_that_waits() -> None:
    story = Story().given(filed)
    call = story.enter()
    story.when(withdrawn).then("Withdrawn")
    assert story.office.load(Call, call).phase is Phase.OVER


def test_nobody_works_on_what_is_not_received() -> None:
    for before, lacks in (((), (Missing.FEE, Missing.CALL)), ((paid,), (Missing.CALL,)), ((seen,), (Missing.FEE,))):
        story = Story().given(filed, *before)
        for step in (begun, assigned_to(ANA), asked, answered, concluded, decided):
            story.when(step).refused(NotYetReceived, missing=lacks)


def test_another_holder_and_no_holder_find_no_case() -> None:
    story = Story().given(filed, paid, seen, begun, asked)
    for by in (Actor(str(uuid4()), Role.HOLDER), Actor(str(story.case), Role.APPLICANT), NINO):
        act = story.act(by)
        for command in (story.commands.withdraw, story.commands.reissue_code, story.commands.deliver_decision):
            with pytest.raises(UnknownCase):
                command(act, case=story.case)
    with pytest.raises(UnknownCase):
        story.commands.withdraw(story.act(story.holder), case=uuid4())
    assert story.office.story(story.case)[-1] == "InformationRequested"


def test_a_payment_is_no_application() -> None:
    story = Story().given(filed)
    order: UUID = story.order()
    with pytest.raises(UnknownCase):
        story.commands.start_review(story.act(ANA), case=order)


def test_a_new_code_ends_the_old_one_even_after_the_end() -> None:
    story = Story().given(filed)
    first = story.application.code_issue
    story.when(code_reissued).then("CodeReissued")
    assert (first, story.application.code_issue) == (1, 2)
    story.given(withdrawn).when(code_reissued).then("CodeReissued")
    assert story.application.code_issue == 3


def test_consents_are_given_and_taken_back() -> None:
    story = Story().given(filed).when(consented(ConsentKind.NEWS)).then("ConsentGiven")
    assert story.last("ConsentGiven").language is Language.KA
    story.when(consented(ConsentKind.NEWS)).then()
    story.when(consented(ConsentKind.NEWS, language=Language.EN)).then("ConsentGiven")
    assert story.application.consents[ConsentKind.NEWS] == Consent(ConsentKind.NEWS, "v1", Language.EN)
    story.when(consent_taken_back(ConsentKind.NEWS)).then("ConsentWithdrawn")
    story.when(consent_taken_back(ConsentKind.NEWS)).refused(ConsentNotGiven, kind=ConsentKind.NEWS)
    story.when(consented(ConsentKind.NEWS, "v0")).refused(ConsentTextOutdated)


def test_the_consent_on_which_the_case_stands_is_taken_back_only_after_its_end() -> None:
    taken_back = consent_taken_back(ConsentKind.PERSONAL_DATA)
    story = Story().given(filed).when(taken_back).refused(ConsentNeeded, kind=ConsentKind.PERSONAL_DATA)
    story.given(withdrawn).when(taken_back).then("ConsentWithdrawn")


def test_roles_do_not_do_each_others_work() -> None:
    story = Story().given(filed, paid, seen)
    story.when(assigned_to(ANA, chief=ANA)).refused(NotForThisRole, needed=Role.CHIEF)
    story.when(lambda s: s.commands.start_review(s.act(KETEVAN), case=s.case))
    story.refused(NotForThisRole, needed=Role.OFFICER)
    story.when(lambda s: s.commands.warn(s.act(KETEVAN), case=s.case)).refused(NotForThisRole, needed=Role.SYSTEM)
    story.when(lambda s: s.commands.lapse(s.act(story.holder), case=s.case)).refused(NotForThisRole, needed=Role.SYSTEM)


def test_an_erased_application_still_replays() -> None:
    story = Story().given(filed_with(personal_number="01001012345"), paid)
    application = None
    for event in story.events():
        blank = {name: ERASED for name in ("number", "cash_reference", "form", "documents") if hasattr(event, name)}
        application = replace(event, **blank).mutate(application)
    assert application.state is State.AWAITING_VIDEO
    assert application.documents == ()
    assert application.identity_source is Source.UPLOADED_DOCUMENT


def test_seen_by_whom() -> None:
    assert Story().given(filed, seen_by(NINO)).last("VideoVerified").operator == NINO.id
