"""A call as read models keep it: its columns, what each event does to them, and the row that queries answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from domain.language import Language
from domain.people import SubjectId
from domain.videobar.call import Call
from domain.videobar.case import Ground
from domain.videobar.checks import Check, CheckKind, Checks, Source, Verdict
from domain.videobar.terms import BreakOff, Channel, Leaving, Outcome, Phase, Side
from ledger.reader import Recorded
from ledger.sealing import Sealed
from projections.answers import maybe, sealed_part, unhex, unpacked
from projections.model import Change, Patch, Put, ReadModel, Row, Table, instant, on

CALL_COLUMNS = """
    stream           uuid        PRIMARY KEY,  -- the call's
    position         bigint      NOT NULL,     -- of Requested: the place in the queue
    case_id          uuid        NOT NULL,
    subject          uuid,
    service          text        NOT NULL,
    number           integer     NOT NULL,     -- the how-manieth call of its case
    consent          text        NOT NULL,
    consent_language text        NOT NULL,
    phase            text        NOT NULL,
    requested_at     timestamptz NOT NULL,
    claimed_at       timestamptz,              -- of this sitting
    operator         text,
    applicant_at     text,                     -- by what channel the applicant is there, in this sitting
    operator_at      text,
    checks           jsonb,                    -- of this sitting: {kind: [source, verdict], "VISUAL_CONTACT": bool}
    checked_at       timestamptz,
    will             bytea,                    -- sealed: the applicant's will, in words
    broken_off       jsonb       NOT NULL,     -- [[reason, at], …]
    recordings       jsonb       NOT NULL,     -- [[file, side, began, ended], …]
    over_at          timestamptz,
    talked           interval,                 -- from the operator's taking the call to its end
    outcome          text,
    ground           text,
    reasons          bytea,                    -- sealed: the operator's reasons
    leaving          text
"""

_SITTING: Mapping[str, Any] = {
    "applicant_at": None,
    "operator_at": None,
    "checks": None,
    "checked_at": None,
    "will": None,
}
"""What a broken-off call forgets."""

VISUAL_CONTACT = "VISUAL_CONTACT"


class CallRows(ReadModel):
    """What each event of a call does to the table ``calls``."""

    calls: ClassVar[Table]

    @on(Call.Requested)
    def call_requested(self, recorded: Recorded, event: Call.Requested) -> Iterable[Change]:
        yield Put(
            self.calls,
            (recorded.stream,),
            {
                "position": recorded.position,
                "case_id": event.case,
                "subject": event.subject,
                "service": event.service,
                "number": event.number,
                "consent": event.consent,
                "consent_language": event.consent_language.value,
                "phase": Phase.WAITING.value,
                "requested_at": recorded.at,
                "broken_off": [],
                "recordings": [],
            },
        )

    @on(Call.Claimed)
    def call_claimed(self, recorded: Recorded, event: Call.Claimed) -> Iterable[Change]:
        yield self._change(recorded, phase=Phase.CLAIMED.value, claimed_at=recorded.at, operator=event.by.id)

    @on(Call.Connected)
    def call_connected(self, recorded: Recorded, event: Call.Connected) -> Iterable[Change]:
        side = "applicant_at" if event.side is Side.APPLICANT else "operator_at"
        yield self._change(recorded, **{side: event.channel.value})

    @on(Call.ChecksRecorded)
    def checks_recorded(self, recorded: Recorded, event: Call.ChecksRecorded) -> Iterable[Change]:
        made = {kind.value: [check.source.value, check.verdict.value] for kind, check in event.checks.each() if check}
        checks = {**made, VISUAL_CONTACT: event.checks.visual_contact}
        yield self._change(recorded, checks=checks, checked_at=recorded.at, will=sealed_part(recorded))

    @on(Call.BrokenOff)
    def call_broken_off(self, recorded: Recorded, event: Call.BrokenOff) -> Iterable[Change]:
        how = [event.reason.value, instant(recorded.at)]
        yield Patch(self.calls, (recorded.stream,), lambda row: {"broken_off": [*row["broken_off"], how]})
        yield self._change(recorded, phase=Phase.WAITING.value, operator=None, **_SITTING)

    @on(Call.RecordingStored)
    def recording_stored(self, recorded: Recorded, event: Call.RecordingStored) -> Iterable[Change]:
        recording = [str(event.file), event.side.value, instant(event.began), instant(event.ended)]
        yield Patch(self.calls, (recorded.stream,), lambda row: {"recordings": [*row["recordings"], recording]})

    @on(Call.Ended)
    def call_ended(self, recorded: Recorded, event: Call.Ended) -> Iterable[Change]:
        def over(row: Row) -> Row:
            return {
                "phase": Phase.OVER.value,
                "over_at": recorded.at,
                "talked": recorded.at - row["claimed_at"] if row["claimed_at"] is not None else None,
                "outcome": event.outcome.value,
                "ground": event.ground.value if event.ground is not None else None,
                "reasons": sealed_part(recorded),
            }

        yield Patch(self.calls, (recorded.stream,), over)

    @on(Call.Abandoned)
    def call_abandoned(self, recorded: Recorded, event: Call.Abandoned) -> Iterable[Change]:
        yield self._change(recorded, phase=Phase.OVER.value, over_at=recorded.at, leaving=event.reason.value)

    @on(Call.ErasureRequested)
    def call_erasure_requested(self, recorded: Recorded, event: Call.ErasureRequested) -> Iterable[Change]:
        yield self._change(recorded, **{**_SITTING, "reasons": None, "recordings": []})

    def _change(self, recorded: Recorded, **values: Any) -> Patch:
        return Patch(self.calls, (recorded.stream,), values)


@dataclass(frozen=True)
class CallRow:
    """One call. ``will`` and ``reasons`` are opened by `projections.door` and nowhere else."""

    call: UUID
    position: int
    case: UUID
    subject: SubjectId | None
    service: str
    number: int
    consent: str
    consent_language: Language
    phase: Phase
    requested_at: datetime
    claimed_at: datetime | None
    operator: str | None
    """The person claim of who holds or held the call."""
    connected: Mapping[Side, Channel]
    checks: Checks | None
    checked_at: datetime | None
    will: Sealed | None
    broken_off: tuple[tuple[BreakOff, datetime], ...]
    recordings: tuple[Recording, ...]
    over_at: datetime | None
    outcome: Outcome | None
    ground: Ground | None
    reasons: Sealed | None
    leaving: Leaving | None


@dataclass(frozen=True)
class Recording:
    """One side's recording, sealed in the office's files."""

    file: UUID
    side: Side
    began: datetime
    ended: datetime


CALL_KINDS: Mapping[str, Callable[[Any], Any]] = {
    "stream": UUID,
    "case_id": UUID,
    "subject": UUID,
    "requested_at": datetime.fromisoformat,
    "claimed_at": datetime.fromisoformat,
    "checked_at": datetime.fromisoformat,
    "will": unhex,
    "over_at": datetime.fromisoformat,
    "reasons": unhex,
}
"""How the columns of a row that came as JSON read."""

CALLS_OF_CASE: LiteralString = """
    SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.position), '[]') FROM {call} c WHERE c.case_id = wanted.stream
"""


def call_row(row: Mapping[str, Any]) -> CallRow:
    """A call from its row."""
    sides = {Side.APPLICANT: row["applicant_at"], Side.OPERATOR: row["operator_at"]}
    return CallRow(
        call=row["stream"],
        position=row["position"],
        case=row["case_id"],
        subject=row["subject"],
        service=row["service"],
        number=row["number"],
        consent=row["consent"],
        consent_language=Language(row["consent_language"]),
        phase=Phase(row["phase"]),
        requested_at=row["requested_at"],
        claimed_at=row["claimed_at"],
        operator=row["operator"],
        connected={side: Channel(channel) for side, channel in sides.items() if channel is not None},
        checks=maybe(_checks, row["checks"]),
        checked_at=row["checked_at"],
        will=unpacked(row["will"]),
        broken_off=tuple((BreakOff(reason), datetime.fromisoformat(at)) for reason, at in row["broken_off"]),
        recordings=tuple(_recording(*said) for said in row["recordings"]),
        over_at=row["over_at"],
        outcome=maybe(Outcome, row["outcome"]),
        ground=maybe(Ground, row["ground"]),
        reasons=unpacked(row["reasons"]),
        leaving=maybe(Leaving, row["leaving"]),
    )


def _checks(said: Mapping[str, Any]) -> Checks:
    made: dict[str, Any] = {
        kind.value.lower(): Check(Source(said[kind.value][0]), Verdict(said[kind.value][1]))
        for kind in CheckKind
        if kind.value in said
    }
    return Checks(**made, visual_contact=said[VISUAL_CONTACT])


def _recording(file: str, side: str, began: str, ended: str) -> Recording:
    return Recording(UUID(file), Side(side), datetime.fromisoformat(began), datetime.fromisoformat(ended))
