"""Given, when, then: one applicant's story, told through the real commands of every service on an office in memory.

    Story().given(filed, paid, seen).when(begun).then("ReviewStarted")
    Story().given(filed, withdrawn).when(paid).then("RefundDue")
    Story().given(filed).when(decided).refused(NotYetReceived, missing=(FEE, CALL))

A step is a function of the story; it acts as whoever would, on the story's case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from memory_office import MONDAY_NOON, MemoryOffice, MemorySubjects, names

import domain.compatriot
from domain.calendar import ROUND_THE_CLOCK, TBILISI, tbilisi_date
from domain.compatriot.application import Application
from domain.compatriot.commands import Applications, Commands
from domain.compatriot.decision import Outcome
from domain.compatriot.documents import Document, DocumentKind
from domain.compatriot.erasure import Erasures
from domain.compatriot.fees import parse_schedule
from domain.compatriot.form import Address, Channel, Form, Grounds, IdentityDocument, IdentityKind, Name, Sex, Tier
from domain.compatriot.rules import SERVICE, Rules
from domain.compatriot.state import State
from domain.consents import Consent, ConsentKind
from domain.erasure import LegalGround
from domain.event import Act
from domain.language import Language
from domain.payments.bank import BankOrder, CreditNotice, OrderStatus, Payer
from domain.payments.commands import Commands as Payments
from domain.payments.commands import Rules as PaymentRules
from domain.payments.money import Money
from domain.people import Actor, Role, system
from domain.refusals import Refusal
from domain.videobar.case import Ground
from domain.videobar.checks import Check, Checks, Verdict
from domain.videobar.commands import Commands as Bar
from domain.videobar.rules import Bar as BarRules
from domain.videobar.rules import Rules as VideobarRules
from domain.videobar.terms import BreakOff, Media, Side
from domain.videobar.terms import Channel as Line

SCHEDULE = parse_schedule((Path(domain.compatriot.__file__).parent / "fees.toml").read_text())
RULES = Rules(fees=SCHEDULE)
CONSENTS = (Consent(ConsentKind.PERSONAL_DATA, "v1", Language.KA),)

NINO = Actor("person-nino", Role.OPERATOR)
OTAR = Actor("person-otar", Role.OFFICER)
ANA = Actor("person-ana", Role.OFFICER)
KETEVAN = Actor("person-ketevan", Role.CHIEF)
IRMA = Actor("person-irma", Role.DATA_PROTECTION)
GURAM = Actor("person-guram", Role.DATA_PROTECTION)
DEADLINES = system("deadlines")

FORM = Form(
    name_ka=Name("თამარ", "მაისურაძე"),
    name_latin=Name("Tamar", "Maisuradze"),
    birth_date=date(1984, 2, 29),
    sex=Sex.FEMALE,
    citizenships=("DE",),
    document=IdentityDocument(IdentityKind.PASSPORT, "C01X00T47", "DE", date(2031, 5, 1)),
    address_abroad=Address("DE", "Köln", "Ehrenstraße 7", "50672"),
    email="tamar@example.org",
    telephone="+4915112345678",
    grounds=Grounds(origin=True, mother_tongue=True),
    tier=Tier.STANDARD,
    language=Language.KA,
    channel=Channel.CARD,
)


def enclosed(kind: DocumentKind, content: str = "") -> Document:
    """A document as the files gateway hands it over."""
    id = MemorySubjects().mint()
    digest = hashlib.sha256((content or str(id)).encode()).hexdigest()
    return Document(
        id=id, kind=kind, media_type="image/jpeg", size=200_000, digest=digest, file=MemorySubjects().mint()
    )


def enclosures() -> tuple[Document, ...]:
    kinds = (DocumentKind.PHOTOGRAPH, DocumentKind.PHOTOGRAPH, DocumentKind.IDENTITY, DocumentKind.MOTIVATION_LETTER)
    return tuple(enclosed(kind) for kind in kinds)


class OneQueue:
    """Whoever entered, in order."""

    def __init__(self) -> None:
        self.entered: list[UUID] = []

    def next_waiting(self, services: Any, exclude: Any) -> UUID | None:
        return next((call for call in self.entered if call not in exclude), None)


class Confirmed:
    """Every address is confirmed, but for those named."""

    def __init__(self) -> None:
        self.unconfirmed: set[str] = set()

    def confirmed(self, draft: UUID, email: str) -> bool:
        return email not in self.unconfirmed


Step = Callable[["Story"], Any]


class Story:
    """One applicant, one case, everybody at their desks."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.office = MemoryOffice()
        self.applications = Applications(self.office)
        self.subjects = MemorySubjects()
        self.emails = Confirmed()
        self.queue = OneQueue()
        self.payments = Payments(self.office, self.applications, self.subjects, PaymentRules())
        self.commands = Commands(self.office, self.subjects, self.emails, self.payments, rules)
        self.erasures = Erasures(self.office)
        bar = BarRules(staff=Role.OPERATOR, hours=ROUND_THE_CLOCK, consent="v1", broken_off_limit=3)
        self.bar = Bar(self.office, self.applications, self.queue, VideobarRules(bars={SERVICE: bar}))
        self.draft = self.subjects.mint()
        self.case: UUID | None = None
        self.transactions = 0
        self.told = 0
        self.refusal: Refusal | None = None

    # Given, when, then.

    def given(self, *steps: Step) -> Story:
        """What happened before; none of it may be refused."""
        for step in steps:
            step(self)
        self.told = len(self.events())
        return self

    def when(self, step: Step) -> Story:
        """What is tried. A refusal waits for `refused`."""
        self.told, self.refusal = len(self.events()), None
        try:
            step(self)
        except Refusal as refusal:
            self.refusal = refusal
        return self

    def then(self, *expected: str) -> Story:
        """The case's events since `when`, in order."""
        if self.refusal is not None:
            raise AssertionError(f"refused: {self.refusal}") from self.refusal
        assert names(self.events()[self.told :]) == list(expected)
        return self

    def and_state(self, state: State) -> Story:
        assert self.application.state is state
        return self

    def refused(self, kind: type[Refusal], /, **facts: Any) -> Story:
        """Refused like this, with these facts among others, and nothing was recorded."""
        assert type(self.refusal) is kind, f"expected {kind.__name__}, got {self.refusal!r}"
        assert {name: self.refusal.facts()[name] for name in facts} == facts
        assert len(self.events()) == self.told
        return self

    def last(self, name: str) -> Any:
        """The last event of that name."""
        return next(event for event in reversed(self.events()) if type(event).__name__ == name)

    # The stage.

    @property
    def application(self) -> Application:
        assert self.case is not None
        return self.office.load(Application, self.case)

    @property
    def holder(self) -> Actor:
        return Actor(str(self.case), Role.HOLDER)

    @property
    def today(self) -> date:
        return tbilisi_date(self.office.ledger.clock)

    def events(self) -> list[Any]:
        return [] if self.case is None else list(self.office.history(self.case))

    def act(self, by: Actor) -> Act:
        return self.office.by(by)

    def go_to(self, day: date, hour: int = 12) -> None:
        """Noon in Tbilisi, or another hour."""
        self.office.ledger.clock = datetime(day.year, day.month, day.day, hour, tzinfo=TBILISI).astimezone(UTC)

    def enter(self) -> UUID:
        assert self.case is not None
        call = self.bar.enter(
            self.act(self.holder), case=self.case, consent="v1", consent_language=Language.KA, media=Media(True, True)
        ).stream
        if call not in self.queue.entered:
            self.queue.entered.append(call)
        return call

    def talk(self, operator: Actor = NINO) -> UUID:
        """Enter, be called in, both connected."""
        self.enter()
        call = self.bar.claim_next(self.act(operator)).stream
        for side, by in ((Side.APPLICANT, self.holder), (Side.OPERATOR, operator)):
            self.bar.connected(self.act(by), call=call, side=side, channel=Line.SIGNALLING_ONLY)
        return call

    def order(self) -> UUID:
        """The newest card order."""
        assert self.case is not None
        return self.payments.open_card(self.act(self.holder), case=self.case).stream

    def settle(self, order: UUID, amount: str | None = None) -> None:
        """The bank says that the order was paid, with the fee or with ``amount``."""
        self.transactions += 1
        received = self.application.fee if amount is None else Money(Decimal(amount))
        answer = BankOrder(order, OrderStatus.PAID, received, f"T{self.transactions}", Payer("Giorgi Maisuradze"))
        self.payments.settle(self.act(system("bank")), payment=order, bank_answer=answer)


# Steps: what people do, as the past tense tells it.


def filed(story: Story) -> None:
    filed_with()(story)


def filed_with(
    *, documents: tuple[Document, ...] | None = None, consents: tuple[Consent, ...] = CONSENTS, **form: Any
) -> Step:
    """File the form with these fields changed."""

    def step(story: Story) -> None:
        story.case = story.commands.register(
            story.act(Actor(str(story.draft), Role.APPLICANT)),
            draft=story.draft,
            subject=story.subjects.mint(),
            form=replace(FORM, **form),
            documents=enclosures() if documents is None else documents,
            consents=consents,
        ).stream

    return step


def paid(story: Story) -> None:
    """The bank says that the newest open order was paid."""
    story.settle(story.order())


def paid_in_cash(amount: str | None = None, reference: str | None = None) -> Step:
    def step(story: Story) -> None:
        application = story.application
        received = application.fee if amount is None else Money(Decimal(amount))
        story.transactions += 1
        notice = CreditNotice(
            transaction=f"C{story.transactions}",
            received=received,
            reference=reference or str(application.cash_reference),
            payer=Payer("Giorgi Maisuradze", "GE29NB0000000101904917"),
            credited_on=story.today,
        )
        story.payments.receive_cash(story.act(system("bank")), notice=notice)

    return step


def seen_by(operator: Actor) -> Step:
    """The operator talked with the applicant and every check passed."""

    def step(story: Story) -> None:
        call = story.talk(operator)
        check = Check(story.application.identity_source, Verdict.MATCHES)
        checks = Checks(check, check, check, check, check, visual_contact=True)
        story.bar.record_checks(story.act(operator), call=call, checks=checks, will="მსურს")
        story.bar.verify(story.act(operator), call=call)

    return step


def seen(story: Story) -> None:
    seen_by(NINO)(story)


def refused_by_operator(story: Story) -> None:
    call = story.talk()
    story.bar.refuse(story.act(NINO), call=call, ground=Ground.IDENTITY_DOUBT, reasons="სურათი არ ემთხვევა")


def broken_off(story: Story) -> None:
    story.bar.break_off(story.act(NINO), call=story.talk(), reason=BreakOff.NO_PICTURE)


def assigned_to(officer: Actor, chief: Actor = KETEVAN) -> Step:
    return lambda story: story.commands.assign(story.act(chief), case=story.case, officer=officer.id)


def begun_by(officer: Actor) -> Step:
    return lambda story: story.commands.start_review(story.act(officer), case=story.case)


def asked_by(officer: Actor, text: str = "გთხოვთ, წარმოადგინოთ დაბადების მოწმობა.") -> Step:
    return lambda story: story.commands.request_information(story.act(officer), case=story.case, text=text)


def answered_with(text: str = "ახლავს.", *documents: Document) -> Step:
    return lambda story: story.commands.provide_information(
        story.act(story.holder), case=story.case, text=text, documents=documents
    )


def attached_by(officer: Actor, document: Document | None = None) -> Step:
    return lambda story: story.commands.attach_document(
        story.act(officer), case=story.case, document=document or enclosed(DocumentKind.OTHER)
    )


def extended_by(days: int, chief: Actor = KETEVAN, reasons: str = "საქმე რთულია.") -> Step:
    return lambda story: story.commands.extend_term(story.act(chief), case=story.case, days=days, reasons=reasons)


def concluded_by(officer: Actor, recommends: Outcome = Outcome.GRANTED, text: str = "პირობები დაცულია.") -> Step:
    return lambda story: story.commands.prepare_conclusion(
        story.act(officer), case=story.case, text=text, recommends=recommends
    )


def decided_by(chief: Actor, outcome: Outcome = Outcome.GRANTED, reasons: str = "დასკვნის საფუძველზე.") -> Step:
    return lambda story: story.commands.decide(story.act(chief), case=story.case, outcome=outcome, reasons=reasons)


def received(story: Story) -> None:
    """The holder receives the decision."""
    story.commands.deliver_decision(story.act(story.holder), case=story.case)


def withdrawn(story: Story) -> None:
    story.commands.withdraw(story.act(story.holder), case=story.case)


def warned(story: Story) -> None:
    story.commands.warn(story.act(DEADLINES), case=story.case)


def lapsed(story: Story) -> None:
    story.commands.lapse(story.act(DEADLINES), case=story.case)


def code_reissued(story: Story) -> None:
    story.commands.reissue_code(story.act(story.holder), case=story.case)


def consented(kind: ConsentKind, version: str = "v1", language: Language = Language.KA) -> Step:
    return lambda story: story.commands.give_consent(
        story.act(story.holder), case=story.case, consent=Consent(kind, version, language)
    )


def consent_taken_back(kind: ConsentKind) -> Step:
    return lambda story: story.commands.withdraw_consent(story.act(story.holder), case=story.case, kind=kind)


def days_pass(days: int) -> Step:
    return lambda story: story.office.later(timedelta(days=days))


def on(day: date, hour: int = 12) -> Step:
    """The story goes on at that Tbilisi day and hour."""
    return lambda story: story.go_to(day, hour)


def erasure_requested_by(confirmed_by: Actor, asked_by: str = IRMA.id, ground: LegalGround | None = None) -> Step:
    """Another person asked for it a day before."""
    return lambda story: story.erasures.request(
        story.act(confirmed_by),
        case=story.case,
        ground=ground or LegalGround.DATA_SUBJECT_REQUEST,
        asked_by=asked_by,
        asked_at=story.office.ledger.clock - timedelta(days=1),
    )


def erased(story: Story) -> None:
    """The office has erased it all."""
    story.erasures.finish(
        story.act(DEADLINES), case=story.case, subjects=story.erasures.belongings(story.case).subjects
    )


begun = begun_by(OTAR)
asked = asked_by(OTAR)
answered = answered_with()
concluded = concluded_by(OTAR)
erasure_requested = erasure_requested_by(GURAM)
decided = decided_by(KETEVAN)

FILED_ON = tbilisi_date(MONDAY_NOON)
