"""One case as its events tell it, in plain words, with the state that they gave at any moment: for an auditor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from domain.calendar import TBILISI
from domain.cases import NUMBER, NumberedCase
from domain.compatriot.application import Application
from domain.compatriot.term import due_on
from domain.event import Erased, Root
from domain.number import read_number
from domain.office import UnknownCase
from domain.people import STAFF, Role
from domain.staff.reading import Purpose
from domain.taxpayer.registration import Registration
from domain.taxpayer.state import RegistrationState
from ledger.reader import Reader, Recorded
from sarkmeli.house import House, open_house
from sarkmeli.settings import Settings
from sarkmeli.signed_in import signed_in
from texts import Language, language, say, spoken, word

VIEW = "auditReplay"
"""What a reading says was shown."""


class NotShown(Exception):
    """Nothing is shown: nobody is signed in who may see it, or there is nothing; says which."""


def replay_case(settings: Settings, typed: str, token: str, as_of: str | None, tongue: str) -> Sequence[str]:
    """The lines to print. That they were read stands in the ledger before they are given.

    Raises: NotShown, NotSignedIn.
    """
    chosen, until = language(tongue), _moment(as_of)
    with open_house(settings) as house:
        auditor = signed_in(house, token, Role.AUDITOR, "an auditor's")
        case = _case(house, typed)
        if case is None:
            raise NotShown("there is no case of this number")
        recorded = everything_of(house, case)
        subjects = {each.event.subject for each in recorded if each.event.subject is not None}
        act = house.office.act(auditor, "audit replay")
        house.staff.read(act, subjects=subjects, purpose=Purpose.AUDIT, what=VIEW)
        return told(house.ledger.reader, case, recorded, until, chosen)


def everything_of(house: House, case: UUID) -> list[Recorded]:
    """The events of the case and of all that belongs to it, its payments and calls, in the ledger's order."""
    streams = house.erasures.commands.belongings(case).streams
    recorded = [each for stream in streams for each in house.ledger.reader.stream(stream)]
    return sorted(recorded, key=lambda each: each.position)


def _case(house: House, typed: str) -> UUID | None:
    """The case of this number; or of this id, which is all that is left of an erased one."""
    if (number := read_number(typed)) is not None:
        return house.office.find(NUMBER, number)
    try:
        return house.office.load(NumberedCase, UUID(typed)).id
    except (ValueError, UnknownCase):
        return None


def told(
    reader: Reader, case: UUID, recorded: Sequence[Recorded], until: datetime | None, tongue: Language
) -> list[str]:
    """A line an event of those recorded by ``until``, one more where the state changed, and where it then stood."""
    by_then = [each for each in recorded if until is None or each.recorded_at <= until]
    if not by_then:
        return [say(tongue, "events", "nothing")]
    lines: list[str] = []
    found: Application | Registration | None = None
    before: str | None = None
    for each, event in zip(by_then, reader.open_all(by_then), strict=True):
        lines.append(_line(each, event, tongue))
        if each.stream == case:
            found = cast(Application | Registration, event.mutate(cast(Any, found)))
            if found.state != before:
                lines.append(f"      {say(tongue, 'events', 'state', state=found.state)}")
                before = found.state
    if found is not None:
        lines += ["", *_standing(found, "now" if until is None else "then", tongue)]
    return lines


def _standing(found: Application | Registration, when: str, tongue: Language) -> Iterable[str]:
    yield say(tongue, "events", when, state=found.state)
    match found:
        case Application():
            if found.missing:
                yield say(tongue, "events", "missing", missing=found.missing)
            if found.due is not None:
                yield say(tongue, "events", "due", due=due_on(found.due))
        case Registration():
            if found.state is RegistrationState.AWAITING_ACTIVATION:
                yield say(tongue, "events", "until", until=found.activation_until)


def _line(recorded: Recorded, event: Root.Event, tongue: Language) -> str:
    """Position, moment, who, what. Staff are named as the provider names them, the public by their role alone."""
    who = word(tongue, event.by.role.value) + (f" {event.by.id}" if event.by.role in STAFF else "")
    facts = {name: _fact(value, tongue) for name, value in vars(event).items()}
    what = say(tongue, "events", recorded.topic, **facts).replace("\n", "\n      ")
    return f"{recorded.position:>5} {spoken(recorded.at, tongue)} · {spoken(who, tongue)}: {what}"


def _fact(value: Any, tongue: Language) -> Any:
    if isinstance(value, Erased):
        return word(tongue, "ERASED")
    return "—" if value is None else value


def _moment(typed: str | None) -> datetime | None:
    """A moment as typed, Tbilisi's unless it says otherwise. Raises: NotShown."""
    if typed is None:
        return None
    try:
        moment = datetime.fromisoformat(typed)
        return (moment if moment.tzinfo else moment.replace(tzinfo=TBILISI)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotShown("a time is written as 2026-11-22T10:00 or 2026-11-22T10:00+04:00") from None
