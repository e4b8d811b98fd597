"""The taxpayer service's stage for given/when/then: filers, consultants, registries, on an office in memory.

stage = Stage()
stage.files("giorgi-1") ; stage.seen("giorgi-1") ; stage.then("giorgi-1", "VideoVerified", "Activated")
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from memory_office import MemoryOffice, MemorySubjects, names

from domain.calendar import ROUND_THE_CLOCK, TBILISI, tbilisi_date
from domain.consents import Consent
from domain.erasure import LegalGround
from domain.event import Act
from domain.language import Language
from domain.people import Actor, Role, system
from domain.refusals import Refusal
from domain.taxpayer.at_the_bar import Registrations
from domain.taxpayer.commands import Commands, Consultant, Standing
from domain.taxpayer.erasure import Erasures
from domain.taxpayer.form import Form
from domain.taxpayer.password import NewPassword
from domain.taxpayer.registration import Registration
from domain.taxpayer.rules import SERVICE, Rules
from domain.taxpayer.state import RegistrationState
from domain.taxpayer.username import Username, username_address
from domain.videobar.call import Call
from domain.videobar.case import Ground
from domain.videobar.checks import Check, Checks, Source, Verdict
from domain.videobar.commands import Commands as Bar
from domain.videobar.rules import Bar as BarRules
from domain.videobar.rules import Rules as VideobarRules
from domain.videobar.terms import BreakOff, Channel, Declared, Media, Side

RULES = Rules()
LALI = Actor("person-lali", Role.CONSULTANT)
ZURAB = Actor("person-zurab", Role.CONSULTANT)
IRMA = Actor("person-irma", Role.DATA_PROTECTION)
GURAM = Actor("person-guram", Role.DATA_PROTECTION)
DEADLINES = system("deadlines")
LINKS = system("links")

GIORGI = "01001000001"
MAIA = "01001000002"
LALI_HERSELF = "01001000003"
COMPANY = "204567890"
DIRECTORS = (GIORGI, MAIA)
CENTRE = "tbilisi-1"

DESK = Consultant(personal_number=LALI_HERSELF, centre=CENTRE)
CALLER = Standing(personal_number=GIORGI, representatives=DIRECTORS)
BETTER = NewPassword("Msxali8-tkbili", "Msxali8-tkbili")
GOOD = NewPassword("Vashli7-mtsvane", "Vashli7-mtsvane")
FORM = Form(
    username="giorgi.beridze".replace(".", "-"),
    identification=GIORGI,
    mobile="555123456",
    email="giorgi@example.org",
    language=Language.KA,
)
DECLARED = Declared("გიორგი", "ბერიძე", GIORGI, "555 12 34 56")
MATCHING = Check(Source.CIVIL_REGISTRY, Verdict.MATCHES)
ALL_MATCH = Checks(MATCHING, MATCHING, MATCHING, MATCHING, MATCHING, visual_contact=True)


class ConfirmedInTheForm:
    """Everything is confirmed, but for what is named."""

    def __init__(self) -> None:
        self.unconfirmed: set[str] = set()

    def mobile(self, draft: UUID, mobile: str) -> bool:
        return mobile not in self.unconfirmed

    def email(self, draft: UUID, email: str) -> bool:
        return email not in self.unconfirmed


class KeptPasswords:
    """What was kept for which command; the real one keeps hashes."""

    def __init__(self) -> None:
        self.kept: dict[tuple[UUID, UUID], str] = {}

    def keep(self, registration: UUID, command: UUID, password: str) -> None:
        self.kept[registration, command] = password

    def of(self, registration: Registration) -> str:
        """The one that counts."""
        return self.kept[registration.id, registration.password_of]


class ReadOutOnce:
    """The code is 1234, once for each time that it was sent."""

    def __init__(self) -> None:
        self.sent: dict[UUID, tuple[int, str]] = {}

    def send(self, call: Call, mobile: str) -> None:
        self.sent[call.id] = call.sitting, mobile

    def matches(self, call: UUID, sitting: int, mobile: str, typed: str) -> bool:
        return self.sent.pop(call, None) == (sitting, mobile) and typed == "1234"


class NotedLeftOver:
    """Whose others are to be looked for."""

    def __init__(self) -> None:
        self.noted: list[UUID] = []

    def note(self, registration: UUID) -> None:
        self.noted.append(registration)


class Waiting:
    def __init__(self) -> None:
        self.entered: list[UUID] = []

    def next_waiting(self, services: Collection[str], exclude: Collection[UUID]) -> UUID | None:
        return next((call for call in self.entered if call not in exclude), None)


class Stage:
    """Registrations by the name that a test gives them."""

    def __init__(self, rules: Rules = RULES, office: Any = None, subjects: Any = None) -> None:
        self.office: MemoryOffice = office or MemoryOffice()
        self.subjects: MemorySubjects = subjects or MemorySubjects()
        self.confirmed = ConfirmedInTheForm()
        self.passwords = KeptPasswords()
        self.read_out = ReadOutOnce()
        self.left_over = NotedLeftOver()
        self.queue = Waiting()
        self.cases: dict[str, UUID] = {}
        self.commands = Commands(
            self.office,
            self.subjects,
            self.confirmed,
            self.passwords,
            self.read_out,
            self.left_over,
            rules,
        )
        bar = BarRules(staff=Role.CONSULTANT, hours=ROUND_THE_CLOCK, consent="v1", declares=True, broken_off_limit=2)
        cases = Registrations(self.office, self.left_over)
        self.bar = Bar(self.office, cases, self.queue, VideobarRules(bars={SERVICE: bar}))
        self.erasures = Erasures(self.office)
        self.before: dict[str, int] = {}
        self.refusal: Refusal | None = None

    # What people do.

    def files(
        self, name: str, password: NewPassword = GOOD, consents: tuple[Consent, ...] = (), **form: Any
    ) -> Registration:
        draft = self.subjects.mint()
        receipt = self.commands.register(
            self.act(Actor(str(draft), Role.APPLICANT)),
            draft=draft,
            subject=self.subjects.mint(),
            form=replace(FORM, **form),
            password=password,
            consents=consents,
        )
        self.cases[name] = receipt.stream
        return self.registration(name)

    def enters(self, name: str, declared: Declared | None = DECLARED) -> UUID:
        """Takes a place in the queue."""
        return self.bar.enter(
            self.act(self.holder(name)),
            case=self.cases[name],
            consent="v1",
            consent_language=Language.KA,
            media=Media(True, True),
            declared=declared,
        ).stream

    def calls(self, name: str, consultant: Actor = LALI, declared: Declared | None = DECLARED) -> UUID:
        """Enters the bar, is called in; both are connected."""
        holder, call = self.holder(name), self.enters(name, declared)
        if call not in self.queue.entered:
            self.queue.entered.append(call)
        assert self.bar.claim_next(self.act(consultant)).stream == call
        for side, by in ((Side.APPLICANT, holder), (Side.OPERATOR, consultant)):
            self.bar.connected(self.act(by), call=call, side=side, channel=Channel.SIGNALLING_ONLY)
        return call

    def clarifies(
        self,
        call: UUID,
        kept: str,
        *,
        by: Actor = LALI,
        code: str = "1234",
        consultant: Consultant = DESK,
        caller: Standing = CALLER,
        sent_to: str | None = None,
    ) -> None:
        """The code is sent to the mobile of the one to be kept, or to that of ``sent_to``, and read out."""
        form = self.registration(sent_to or kept).form
        if isinstance(form, Form):
            self.read_out.send(self.office.load(Call, call), form.mobile)
        self.commands.clarify(
            self.act(by), call=call, kept=self.cases[kept], code=code, consultant=consultant, caller=caller
        )

    def ends_well(self, call: UUID, by: Actor = LALI) -> None:
        self.bar.record_checks(self.act(by), call=call, checks=ALL_MATCH, will="მსურს გააქტიურება")
        self.bar.verify(self.act(by), call=call)

    def seen(self, name: str, kept: str | None = None, by: Actor = LALI) -> None:
        """A whole call that ends well."""
        call = self.calls(name, by)
        self.clarifies(call, kept or name, by=by)
        self.ends_well(call, by)

    def doubted(self, name: str, ground: Ground = Ground.IDENTITY_DOUBT) -> None:
        self.bar.refuse(self.act(LALI), call=self.calls(name), ground=ground, reasons="სურათი არ ემთხვევა")

    def breaks_off(self, name: str) -> None:
        self.bar.break_off(self.act(LALI), call=self.calls(name), reason=BreakOff.NO_PICTURE)

    def visits(self, name: str, consultant: Consultant = DESK, visitor: Standing = CALLER, **papers: bool) -> None:
        self.commands.activate_at_centre(
            self.act(LALI),
            case=self.cases[name],
            consultant=consultant,
            visitor=visitor,
            **{"form_signed": True, "document_seen": True, **papers},
        )

    def is_sent_a_link(self, name: str, to: str = "office@registry.example") -> None:
        self.commands.send_link(self.act(LINKS), case=self.cases[name], to=to)

    def opens_the_link(self, name: str, password: NewPassword = BETTER) -> None:
        self.commands.open_link(self.act(self.addressee(name)), case=self.cases[name], password=password)

    def changes_the_password(self, name: str, password: NewPassword = BETTER, shown: UUID | None = None) -> None:
        """Having shown the one in force, or that of the command ``shown``."""
        taxpayer = Actor(str(self.cases[name]), Role.TAXPAYER)
        shown = shown or self.registration(name).password_of
        self.commands.change_password(self.act(taxpayer), case=self.cases[name], shown=shown, password=password)

    def disowns(self, name: str) -> None:
        self.commands.disown(self.act(self.addressee(name)), case=self.cases[name])

    def is_warned(self, name: str) -> None:
        self.commands.warn(self.act(DEADLINES), case=self.cases[name])

    def expires(self, name: str) -> None:
        self.commands.expire(self.act(DEADLINES), case=self.cases[name])

    def ends_left_over(self, name: str) -> int:
        """As the deadlines consumer does: in batches, until none is left; how many batches."""
        living, batches = self.registration(name), 0
        assert isinstance(living.form, Form)
        while others := self.commands.siblings.awaiting(living.form.identification).newest:
            self.commands.supersede(self.act(DEADLINES), case=living.id, others=[one.id for one in others])
            batches += 1
        return batches

    def is_to_be_erased(
        self, name: str, ground: LegalGround = LegalGround.DATA_SUBJECT_REQUEST, by: Actor = GURAM
    ) -> None:
        """Irma asked for it, another confirms."""
        asked_at = self.office.ledger.clock
        case = self.cases[name]
        self.erasures.request(self.act(by), case=case, ground=ground, asked_by=IRMA.id, asked_at=asked_at)

    def leads_nowhere(self, name: str) -> None:
        """What the eraser removes: every address of the case that nobody holds on paper."""
        belongings = self.erasures.belongings(self.cases[name])
        self.office.ledger.forget(belongings.addressed, kept=self.erasures.never_again)

    def is_erased(self, name: str) -> None:
        found = self.erasures.belongings(self.cases[name])
        self.erasures.finish(self.act(DEADLINES), case=found.case.id, subjects=found.subjects)

    # What is tried, and what came of it.

    def when(self, try_it: Callable[[], object]) -> Stage:
        """What is tried; a refusal waits for `refused`."""
        self.before, self.refusal = {name: len(self.events(name)) for name in self.cases}, None
        try:
            try_it()
        except Refusal as refusal:
            self.refusal = refusal
        return self

    def then(self, name: str, *expected: str) -> Stage:
        """This registration's events since `when`."""
        if self.refusal is not None:
            raise AssertionError(f"refused: {self.refusal}") from self.refusal
        assert names(self.events(name)[self.before.get(name, 0) :]) == list(expected)
        return self

    def refused(self, kind: type[Refusal], /, **facts: Any) -> Stage:
        """Refused like this, with these facts among others, and no registration was changed."""
        assert type(self.refusal) is kind, f"expected {kind.__name__}, got {self.refusal!r}"
        assert {name: self.refusal.facts()[name] for name in facts} == facts
        assert self.before == {name: len(self.events(name)) for name in self.before}
        return self

    # The stage.

    def act(self, by: Actor) -> Act:
        return self.office.by(by)

    @staticmethod
    def standing(personal_number: str, representatives: Collection[str] | None = ()) -> Standing:
        return Standing(personal_number, representatives)

    @staticmethod
    def address_of(username: str) -> tuple[str, str]:
        return username_address(username)

    def holder(self, name: str) -> Actor:
        return Actor(str(self.cases[name]), Role.HOLDER)

    def addressee(self, name: str) -> Actor:
        return Actor(str(self.cases[name]), Role.ADDRESSEE)

    def registration(self, name: str) -> Registration:
        return self.office.load(Registration, self.cases[name])

    def state(self, name: str) -> RegistrationState:
        return self.registration(name).state

    def events(self, name: str) -> list[Any]:
        return list(self.office.history(self.cases[name]))

    def who_has(self, username: str) -> UUID | None:
        found = self.office.find(*username_address(username))
        return None if found is None else self.office.load(Username, found).held_by

    @property
    def today(self) -> date:
        return tbilisi_date(self.office.ledger.clock)

    def go_to(self, day: date) -> None:
        """Noon in Tbilisi."""
        self.office.ledger.clock = datetime(day.year, day.month, day.day, 12, tzinfo=TBILISI).astimezone(UTC)
