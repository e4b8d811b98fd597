"""Where is my case? By number and code; the place in the queue by ticket; what the office asks for, by anybody."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import strawberry

import texts
from api.answers import question
from api.context import Context, Info
from api.declined import (
    DraftRequired,
    LinkRefused,
    NothingThere,
    NotYet,
    SignInAway,
    Stale,
    TokenRefused,
    WrongNumberOrCode,
)
from api.holder import holder
from api.ports import Ports
from api.reading import at_least, shown_row
from api.shapes.bar import BarView, bar_view
from api.shapes.case import CallPlaceView, CaseStatus
from api.shapes.money import Money
from api.shapes.papers import papers_of, sealed_parts
from api.shapes.registration import RegistrationStatus
from api.shapes.registration_views import registration_status
from api.shapes.views import holders_view
from api.threads import run
from api.tickets import For, Tickets
from domain.calendar import tbilisi_date
from domain.compatriot.form import Tier
from domain.compatriot.rules import SERVICE as COMPATRIOT
from domain.language import Language
from domain.people import Role
from domain.taxpayer.rules import SERVICE as TAXPAYER
from housekeeping.lookups import TooManyTries
from projections import queue
from projections.registration import REGISTRATION
from projections.status import STATUS


@strawberry.type(description="A text that one may consent to.")
class ConsentText:
    kind: str
    version: str
    language: Language = strawberry.field(description="In which this answer shows the text.")
    text: str
    required: bool


@strawberry.type(description="What the service costs and how long it takes, if filed today.")
class TierView:
    tier: Tier
    fee: Money
    term_days: int


@strawberry.type(description="What a taxpayer needs to know before filling in the registration form.")
class TaxpayerOfficeView:
    consents: list[ConsentText]
    bar: BarView
    activation_days: int = strawberry.field(description="How long a registration waits to be activated.")
    link_hours: int = strawberry.field(description="How long an activation link opens.")


@strawberry.type(description="What an applicant needs to know before filing.")
class OfficeView:
    name: str
    today: date = strawberry.field(description="In Tbilisi.")
    tiers: list[TierView]
    consents: list[ConsentText]
    bar: BarView
    taxpayer: TaxpayerOfficeView


@strawberry.type(description="A draft that the request's secret opens.")
class DraftView:
    id: UUID
    expires_at: datetime


@strawberry.type(description="A staff member who is signed in.")
class StaffView:
    person: str
    account: str
    name: str
    roles: list[Role]
    centre: str | None = strawberry.field(description="The service centre at which a consultant works.")


@strawberry.type(description="Who the request comes from, as far as it says.")
class Me:
    draft: DraftView | None
    staff: StaffView | None


@strawberry.type
class LookupQuestions:
    @question(
        (CaseStatus, RegistrationStatus), WrongNumberOrCode, TooManyTries, Stale, NotYet, TokenRefused, NothingThere
    )
    async def status(
        self, info: Info, number: str, code: str, at_least: str | None = None
    ) -> CaseStatus | RegistrationStatus:
        """The application or the registration that this number and code open."""
        return await run(_status, info.context, number, code, at_least)

    @question(CallPlaceView, LinkRefused, Stale, NothingThere)
    async def call_place(self, info: Info, ticket: str) -> CallPlaceView:
        """Where the call of this ticket stands in the queue."""
        ports = info.context.ports

        def place() -> CallPlaceView:
            call, _ = Tickets(ports.keys).read(For.CALL, ticket, ports.office.desk.now())
            return CallPlaceView.of(shown_row(queue.find(ports.pool, call)))

        return await run(place)

    @strawberry.field(description="Who the request comes from.")
    async def me(self, info: Info) -> Me:
        try:
            found = await info.context.draft()
            draft = DraftView(id=found.id, expires_at=found.expires_at)
        except DraftRequired:
            draft = None
        try:
            member = await info.context.staff()
        except SignInAway:
            member = None
        staff = None
        if member is not None:
            roles = sorted(member.roles, key=lambda role: role.value)
            staff = StaffView(
                person=member.person, account=member.account, name=member.name, roles=roles, centre=member.centre
            )
        return Me(draft=draft, staff=staff)

    @strawberry.field(description="What the office asks for and offers.")
    async def office(self, info: Info) -> OfficeView:
        return await run(_office, info.context)


def _status(context: Context, number: str, code: str, token: str | None) -> CaseStatus | RegistrationStatus:
    ports = context.ports
    for model in (STATUS, REGISTRATION):
        at_least(ports, model, token)
    who = holder(ports, context.address, number, code)
    if who.service == TAXPAYER:
        return registration_status(ports, shown_row(who.registration), who.registration.position, who.at)
    found = shown_row(who.found)
    papers = papers_of(found.dossier, ports.door.own(sealed_parts(found.dossier), who.subject))
    return holders_view(ports, who, found, papers, who.at)


def _office(context: Context) -> OfficeView:
    ports, language = context.ports, context.language
    rules, now = ports.compatriot_rules, ports.office.desk.now()
    today = tbilisi_date(now)
    fees = [(tier, rules.fees.in_force(tier, today)) for tier in Tier]
    asked = [(each.kind.value, each.version, each.kind in rules.required_consents) for each in rules.consents]
    return OfficeView(
        name=ports.facts.office_name[language],
        today=today,
        tiers=[TierView(tier=tier, fee=Money.of(fee.amount), term_days=fee.term_days) for tier, fee in fees],
        consents=_consents(ports, COMPATRIOT, asked, language),
        bar=bar_view(ports, COMPATRIOT, now),
        taxpayer=_for_taxpayers(ports, language, now),
    )


def _for_taxpayers(ports: Ports, language: str, now: datetime) -> TaxpayerOfficeView:
    rules = ports.taxpayer_rules
    return TaxpayerOfficeView(
        consents=_consents(
            ports, TAXPAYER, [(each.kind.value, each.version, False) for each in rules.consents], language
        ),
        bar=bar_view(ports, TAXPAYER, now),
        activation_days=rules.activation_days,
        link_hours=round(rules.link_lasts.total_seconds() / 3600),
    )


def _consents(ports: Ports, service: str, asked: list[tuple[str, str, bool]], language: str) -> list[ConsentText]:
    """What one may consent to in the service's form, and to the recording at its bar."""
    bar = ports.videobar_rules.bars[service]
    return [
        ConsentText(
            kind=kind,
            version=version,
            language=Language(language),
            text=texts.consent(kind, language, version),
            required=required,
        )
        for kind, version, required in (*asked, (bar.consent_kind, bar.consent, True))
    ]
