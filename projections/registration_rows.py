"""A registration as read models keep it: its columns, what each event does to them, and the row that queries answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from domain.consents import Consent, ConsentKind
from domain.language import Language
from domain.people import SubjectId
from domain.taxpayer.form import TaxpayerKind
from domain.taxpayer.registration import Registration
from domain.taxpayer.state import RefusalGround, RegistrationState, Route
from ledger.reader import Recorded
from ledger.sealing import Sealed
from projections.answers import maybe, sealed_part, unhex, unpacked
from projections.call_rows import CallRow, call_row
from projections.model import Change, Patch, Put, ReadModel, Row, Table, on

REGISTRATION_COLUMNS = """
    stream           uuid        PRIMARY KEY,  -- the registration's
    position         bigint      NOT NULL,     -- of Registered
    subject          uuid        NOT NULL,
    registered_at    timestamptz NOT NULL,
    code_version     integer     NOT NULL,
    code_issue       integer     NOT NULL,
    kind             text        NOT NULL,
    language         text        NOT NULL,
    state            text        NOT NULL,
    activation_until date,                     -- the last Tbilisi day on which it may be activated
    warned_at        timestamptz,
    link_until       timestamptz,              -- the link that was sent opens until then
    link             bytea,                    -- sealed: to which address it was sent
    clarified        jsonb,                    -- {call, kept, others}: what was asked in a call
    route            text,                     -- by which way it was activated
    centre           text,                     -- at which service centre
    activated_at     timestamptz,
    ended_at         timestamptz,
    refusal_route    text,
    refusal_ground   text,
    refusal          bytea,                    -- sealed: the reasons for refusing to activate it
    bar_is_closed    boolean     NOT NULL,
    superseded_by    uuid,
    consents         jsonb       NOT NULL,     -- kind: {version, language}
    registration     bytea,                    -- sealed: number and form
    erasing_at       timestamptz,
    erased_at        timestamptz
"""

REGISTRATION_KINDS: Mapping[str, Callable[[Any], Any]] = {
    "stream": UUID,
    "subject": UUID,
    "registered_at": datetime.fromisoformat,
    "activation_until": date.fromisoformat,
    "warned_at": datetime.fromisoformat,
    "link_until": datetime.fromisoformat,
    "link": unhex,
    "activated_at": datetime.fromisoformat,
    "ended_at": datetime.fromisoformat,
    "refusal": unhex,
    "superseded_by": UUID,
    "registration": unhex,
    "erasing_at": datetime.fromisoformat,
    "erased_at": datetime.fromisoformat,
    "stale_since": datetime.fromisoformat,
}
"""How the columns of a row that came as JSON read."""


class RegistrationRows(ReadModel):
    """What each event of a registration does to the table ``registrations``."""

    registrations: ClassVar[Table]

    @on(Registration.Registered)
    def registered(self, recorded: Recorded, event: Registration.Registered) -> Iterable[Change]:
        yield Put(
            self.registrations,
            (recorded.stream,),
            {
                "position": recorded.position,
                "subject": event.subject,
                "registered_at": recorded.at,
                "code_version": event.code_version,
                "code_issue": event.code_issue,
                "kind": event.kind.value,
                "language": event.language.value,
                "state": RegistrationState.AWAITING_ACTIVATION.value,
                "activation_until": event.activation_until,
                "bar_is_closed": False,
                "consents": {},
                "registration": sealed_part(recorded),
            },
        )

    @on(Registration.CodeReissued)
    def code_reissued(self, recorded: Recorded, event: Registration.CodeReissued) -> Iterable[Change]:
        yield self.set(recorded, code_version=event.code_version, code_issue=event.code_issue)

    @on(Registration.ConsentGiven)
    def consent_given(self, recorded: Recorded, event: Registration.ConsentGiven) -> Iterable[Change]:
        text = {"version": event.version, "language": event.language.value}
        yield self.revise(recorded, lambda row: {"consents": {**row["consents"], event.kind.value: text}})

    @on(Registration.ConsentWithdrawn)
    def consent_withdrawn(self, recorded: Recorded, event: Registration.ConsentWithdrawn) -> Iterable[Change]:
        def without(row: Row) -> Row:
            return {"consents": {kind: text for kind, text in row["consents"].items() if kind != event.kind.value}}

        yield self.revise(recorded, without)

    @on(Registration.ActivationLinkSent)
    def activation_link_sent(self, recorded: Recorded, event: Registration.ActivationLinkSent) -> Iterable[Change]:
        yield self.set(recorded, link_until=event.until, link=sealed_part(recorded))

    @on(Registration.UsernameClarified)
    def username_clarified(self, recorded: Recorded, event: Registration.UsernameClarified) -> Iterable[Change]:
        others = [str(other) for other in event.others]
        clarified = {"call": str(event.call), "by": event.by.id, "kept": str(event.kept), "others": others}
        yield self.set(recorded, clarified=clarified)

    @on(Registration.VerifiedAtServiceCentre)
    def verified_at_service_centre(
        self, recorded: Recorded, event: Registration.VerifiedAtServiceCentre
    ) -> Iterable[Change]:
        yield self.set(recorded, centre=event.centre)

    @on(Registration.Activated)
    def activated(self, recorded: Recorded, event: Registration.Activated) -> Iterable[Change]:
        active = RegistrationState.ACTIVE.value
        yield self.set(recorded, state=active, route=event.route.value, activated_at=recorded.at, **_NO_LINK)

    @on(Registration.PasswordChanged)
    def password_changed(self, recorded: Recorded, event: Registration.PasswordChanged) -> Iterable[Change]:
        yield self.set(recorded, **_NO_LINK)

    @on(Registration.ActivationRefused)
    def activation_refused(self, recorded: Recorded, event: Registration.ActivationRefused) -> Iterable[Change]:
        yield self.set(
            recorded,
            refusal_route=event.route.value,
            refusal_ground=event.ground.value,
            refusal=sealed_part(recorded),
            bar_is_closed=True,
        )
        if event.ends:
            yield self.ended(recorded, RegistrationState.ACTIVATION_REFUSED)

    @on(Registration.Superseded)
    def superseded(self, recorded: Recorded, event: Registration.Superseded) -> Iterable[Change]:
        yield self.set(recorded, superseded_by=event.by_registration)
        yield self.ended(recorded, RegistrationState.SUPERSEDED)

    @on(Registration.ExpiryWarned)
    def expiry_warned(self, recorded: Recorded, event: Registration.ExpiryWarned) -> Iterable[Change]:
        yield self.set(recorded, warned_at=recorded.at, activation_until=event.expires_after)

    @on(Registration.Expired)
    def expired(self, recorded: Recorded, event: Registration.Expired) -> Iterable[Change]:
        yield self.ended(recorded, RegistrationState.EXPIRED)

    @on(Registration.ErasureRequested)
    def erasure_requested(self, recorded: Recorded, event: Registration.ErasureRequested) -> Iterable[Change]:
        yield self.set(recorded, erasing_at=recorded.at, **self.blank())

    @on(Registration.PersonalDataErased)
    def personal_data_erased(self, recorded: Recorded, event: Registration.PersonalDataErased) -> Iterable[Change]:
        yield self.set(recorded, erased_at=recorded.at)

    def blank(self) -> Mapping[str, Any]:
        """The columns that hold or were made of what the person said or was told, emptied.

        On the event, and not when the key is gone: so the rows are the same whichever came first.
        """
        return {"registration": None, "refusal": None, "activation_until": None, "consents": {}, **_NO_LINK}

    def ended(self, recorded: Recorded, state: RegistrationState) -> Patch:
        """It can be activated no more."""
        return self.set(recorded, state=state.value, ended_at=recorded.at, **_NO_LINK)

    def set(self, recorded: Recorded, **values: Any) -> Patch:
        """Columns of the event's registration change."""
        return Patch(self.registrations, (recorded.stream,), values)

    def revise(self, recorded: Recorded, how: Callable[[Row], Row]) -> Patch:
        """Columns of the event's registration change by a pure function of its row."""
        return Patch(self.registrations, (recorded.stream,), how)


_NO_LINK: Mapping[str, Any] = {"link_until": None, "link": None}


@dataclass(frozen=True)
class ClarifiedRow:
    """Which registration is to live, as ``by``, a person claim, asked it in a call."""

    call: UUID
    by: str
    kept: UUID
    others: tuple[UUID, ...]


@dataclass(frozen=True)
class RegistrationRow:
    """One registration as a read model has it. Sealed parts are opened by `projections.door` and nowhere else."""

    case: UUID
    position: int
    subject: SubjectId
    registered_at: datetime
    code_version: int
    code_issue: int
    kind: TaxpayerKind
    language: Language
    state: RegistrationState
    activation_until: date | None
    """The last Tbilisi day on which it may be activated."""
    warned_at: datetime | None
    link_until: datetime | None
    link: Sealed | None
    """ActivationLinkSent: to which address the link that opens now was sent."""
    clarified: ClarifiedRow | None
    route: Route | None
    centre: str | None
    activated_at: datetime | None
    ended_at: datetime | None
    refusal_route: Route | None
    refusal_ground: RefusalGround | None
    refusal: Sealed | None
    bar_is_closed: bool
    superseded_by: UUID | None
    consents: Mapping[ConsentKind, Consent]
    registration: Sealed
    """Registered: number and form."""
    calls: tuple[RegistrationCall, ...]
    """Oldest first."""

    @property
    def live_call(self) -> CallRow | None:
        """The call that is not over, if there is one."""
        return next((each.call for each in self.calls if each.call.over_at is None), None)


@dataclass(frozen=True)
class RegistrationCall:
    """One call of a registration, and what the person declared of themselves before it."""

    call: CallRow
    declared: Sealed | None
    """Requested: opened by `projections.door` and nowhere else."""


def registration_row(row: Mapping[str, Any], calls: Iterable[Mapping[str, Any]]) -> RegistrationRow:
    """A registration from its row and those of its calls."""
    return RegistrationRow(
        case=row["stream"],
        position=row["position"],
        subject=SubjectId(row["subject"]),
        registered_at=row["registered_at"],
        code_version=row["code_version"],
        code_issue=row["code_issue"],
        kind=TaxpayerKind(row["kind"]),
        language=Language(row["language"]),
        state=RegistrationState(row["state"]),
        activation_until=row["activation_until"],
        warned_at=row["warned_at"],
        link_until=row["link_until"],
        link=unpacked(row["link"]),
        clarified=maybe(_clarified, row["clarified"]),
        route=maybe(Route, row["route"]),
        centre=row["centre"],
        activated_at=row["activated_at"],
        ended_at=row["ended_at"],
        refusal_route=maybe(Route, row["refusal_route"]),
        refusal_ground=maybe(RefusalGround, row["refusal_ground"]),
        refusal=unpacked(row["refusal"]),
        bar_is_closed=row["bar_is_closed"],
        superseded_by=row["superseded_by"],
        consents={ConsentKind(kind): _consent(kind, text) for kind, text in row["consents"].items()},
        registration=Sealed.unpack(row["registration"]),
        calls=tuple(RegistrationCall(call_row(call), unpacked(call["declared"])) for call in calls),
    )


def _clarified(said: Mapping[str, Any]) -> ClarifiedRow:
    return ClarifiedRow(UUID(said["call"]), said["by"], UUID(said["kept"]), tuple(map(UUID, said["others"])))


def _consent(kind: str, text: Mapping[str, str]) -> Consent:
    return Consent(ConsentKind(kind), text["version"], Language(text["language"]))
