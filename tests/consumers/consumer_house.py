"""The real house on databases and a sandbox of the test's own, with PostgreSQL's clock set forward as the test says."""

import hashlib
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

from databases import an_offices_keys, an_offices_ledger
from psycopg.conninfo import conninfo_to_dict

from domain.compatriot.application import Application
from domain.compatriot.decision import Outcome
from domain.compatriot.documents import Document, DocumentKind
from domain.compatriot.form import Address, Channel, Form, Grounds, IdentityDocument, IdentityKind, Name, Sex, Tier
from domain.consents import Consent, ConsentKind
from domain.language import Language
from domain.payments.commands import orders_of_case
from domain.people import Actor, Role
from sarkmeli.following import open_runner
from sarkmeli.house import open_house
from sarkmeli.parts import prepare
from sarkmeli.settings import Settings

FORM = Form(
    name_ka=Name("თამარ", "მაისურაძე"),
    name_latin=Name("Tamar", "Maisuradze"),
    birth_date=date(1984, 2, 29),
    sex=Sex.FEMALE,
    citizenships=("DE",),
    document=IdentityDocument(IdentityKind.PASSPORT, "C01X00T47", "DE", date(2061, 5, 1)),
    address_abroad=Address("DE", "Köln", "Ehrenstraße 7", "50672"),
    email="tamar@example.org",
    telephone="+4915112345678",
    grounds=Grounds(origin=True, mother_tongue=True),
    tier=Tier.STANDARD,
    language=Language.EN,
    channel=Channel.CARD,
)
OPERATOR = Actor("person-operator", Role.OPERATOR)
OFFICER = Actor("person-officer", Role.OFFICER)
CHIEF = Actor("person-chief", Role.CHIEF)
CASHIER = Actor("person-cashier", Role.CASHIER)
KINDS = (DocumentKind.PHOTOGRAPH, DocumentKind.PHOTOGRAPH, DocumentKind.IDENTITY, DocumentKind.MOTIVATION_LETTER)


class SetForward:
    """The ledger's desk, whose clock the test sets forward."""

    def __init__(self, desk):
        self.desk = desk
        self.by = timedelta()

    def now(self):
        return self.desk.now() + self.by

    def __getattr__(self, name):
        return getattr(self.desk, name)


class At:
    """A house and what a test does in it, each thing as whoever would."""

    def __init__(self, house):
        self.house = house
        self.office = house.office
        self.clock = SetForward(house.office.desk)
        house.office.desk = self.clock
        self.filed = 0

    def days_pass(self, days):
        self.clock.by += timedelta(days=days)

    def register(self, email="tamar@example.org", language=Language.EN):
        """File a form; the case. The draft's address counts as confirmed."""
        self.filed += 1
        opened = self.house.drafts.open(f"198.51.{self.filed >> 8}.{self.filed & 255}")
        self.house.drafts.confirm_email(opened.id, email)
        act = self.office.act(Actor(str(opened.id), Role.APPLICANT), "register")
        receipt = self.house.compatriot.register(
            act,
            draft=opened.id,
            subject=opened.subject,
            form=replace(FORM, email=email, language=language),
            documents=tuple(self._document(kind) for kind in KINDS),
            consents=(Consent(ConsentKind.PERSONAL_DATA, "v1", Language.KA),),
        )
        return receipt.stream

    def order(self, case):
        """The case's newest card order."""
        return orders_of_case(self.office, case).newest()[1]

    def at_bank(self, case):
        """The bank's page for the case's card order, opened as /pay does."""
        application = self.office.load(Application, case)
        return self.house.bank.create_order(self.order(case), application.fee, self.house.settings.url, "en").url

    def project(self):
        """Bring the read models to the ledger's end."""
        with open_runner(self.house.settings) as runner:
            runner.run_once()

    def events(self, stream):
        """The stream's events by name."""
        return [type(event).__name__ for event in self.office.history(stream)]

    def story(self, case):
        """The case's events after registration."""
        return [name for name in self.events(case) if name not in ("Registered", "ConsentGiven")]

    def application(self, case):
        return self.office.load(Application, case)

    def staff(self, actor, command, case, **asked):
        """A command of staff's about the case."""
        act = self.office.act(actor, command.__name__)
        return command(act, case=case, **asked)

    def granted(self, case):
        self.staff(OFFICER, self.house.compatriot.prepare_conclusion, case, text="Yes.", recommends=Outcome.GRANTED)
        self.staff(CHIEF, self.house.compatriot.decide, case, outcome=Outcome.GRANTED, reasons="Met.")

    def holder(self, case):
        return Actor(str(case), Role.HOLDER)

    def _document(self, kind):
        digest = hashlib.sha256(uuid4().bytes).hexdigest()
        return Document(id=uuid4(), kind=kind, media_type="image/jpeg", size=1000, digest=digest, file=uuid4())


@contextmanager
def opened(folder, new_database, sandbox, **settings):
    """A house on two new databases, and what a test does in it."""
    ledger, keys = new_database(an_offices_ledger), new_database(an_offices_keys)
    chosen = Settings(
        folder=folder,
        database_url=as_url(ledger),
        keys_database_url=as_url(keys),
        sandbox_port=sandbox.port,
        smtp_port=sandbox.smtp_port,
        public_url=sandbox.service_url,
        **settings,
    )
    prepare(chosen)
    with open_house(chosen) as house:
        yield At(house)


def as_url(conninfo):
    """libpq's key words as an address, as an administrator writes it."""
    parts = conninfo_to_dict(conninfo)
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
