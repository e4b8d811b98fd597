"""Reading what is public of an event, fast: one compiled reader an event class, by the list that stands beside it.

Of an event in the newest version of its class only the listed facts are decoded, at C speed. Whatever that does not
take (an older version, a mark that does not fit) is read as everywhere else, and says what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Final, get_type_hints

import msgspec
from msgspec import Struct, convert, defstruct
from msgspec.json import Decoder, Encoder

from domain.event import Erased, Root
from domain.publishing import DAYS_LEFT, Published, public_facts, published, without_none
from housekeeping.publication import Fact
from ledger.decoding import COMPILING
from ledger.recorded import Recorded, Undecodable
from ledger.sealing import Sealer
from ledger.shape import Shape, shape_of
from ledger.topics import UnknownTopic, event_class, topic_of

NAMESPACE: Final = "sarkmeli"
"""What every type begins with, whatever the topics are called."""

encode: Final = Encoder(order="sorted").encode
"""Facts in canonical bytes: keys sorted, no spaces. All of it is ASCII, for all of it is of closed types."""

_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class CannotPublish(Undecodable):
    """A public event stands in the ledger that this program cannot read.

    Nothing behind it is published: its case's facts would come out of order, or one would be missing for ever.
    """

    def __str__(self) -> str:
        return (
            f"{self.topic} at position {self.position} cannot be read, so nothing from there on is published: start "
            "the relay of a release that reads it. Nothing is lost meanwhile"
        )


@dataclass(slots=True)
class Told:
    """What one event says in public: what it means for the numbers, and its facts that were not sealed."""

    reading: Reading
    recorded: Recorded
    fact: Fact
    values: dict[str, Any]
    is_newest: bool

    def data(self, days_left: int | None, sealer: Sealer) -> bytes | None:
        """The record's value; None if what is to be opened was erased. Raises: CannotPublish, UnknownKey."""
        if self.reading.opened:
            opened = self.reading.open(self, sealer)
            if opened is None:
                return None
            self.values.update(opened)
        if self.fact.tells_days:
            self.values[DAYS_LEFT] = days_left
        return encode(self.values)


class Reading:
    """How events of one class are read for the public."""

    def __init__(self, kind: type[Root.Event], listed: Published) -> None:
        self.kind = kind
        self.listed = listed
        self.service = topic_of(kind).split(".")[0] if listed.begins else None
        self.facts = public_facts(kind)
        self.plain = tuple(fact for fact in self.facts if not fact.opened)
        self.opened = tuple(fact for fact in self.facts if fact.opened)
        self.type = f"{NAMESPACE}.{type_of(kind)}.v{listed.version}"
        self.type_header = ("ce_type", self.type.encode())
        shape = shape_of(kind)
        self._newest = shape.version
        with COMPILING:
            self._document: Callable[[bytes], Any] = Decoder(_document(shape, self._wanted())).decode
            self._sealed = _partial(kind, [fact.path for fact in self.opened]) if self.opened else None
            Decoder(self._sealed)  # what `convert` would compile when it is first called
        self._getters = tuple((fact.name, _getter(fact.path)) for fact in self.plain)
        self._opened_getters = tuple((fact.name, _getter(fact.path)) for fact in self.opened)
        term = listed.term
        self._term = (term.fact, term.ends) if term is not None and term.fact is not None and term.ends else None
        self._tells_days = term is not None

    def read(self, recorded: Recorded) -> Told:
        """What the event says in public. Raises: CannotPublish."""
        try:
            document = self._document(recorded.plain)
            newest = document.class_version == self._newest and (not self.opened or recorded.sealed is not None)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            document, newest = None, False
        if document is not None and newest:
            return self._told(recorded, document.facts, is_newest=True)
        try:
            return self._told(recorded, recorded.event, is_newest=False)
        except Undecodable as error:
            raise CannotPublish(recorded) from (error.__cause__ or error)

    def open(self, told: Told, sealer: Sealer) -> dict[str, Any] | None:
        """The facts that are opened on purpose. Raises: CannotPublish, UnknownKey, KeysMissing, database errors."""
        sealed = told.recorded.sealed
        if sealed is None:
            raise CannotPublish(told.recorded)
        stored = sealer.open_stored([sealed])[0]
        if isinstance(stored, Erased):
            return None
        try:
            holder = (
                convert(stored, self._sealed)
                if told.is_newest
                else _Holder(sealer.open_all([sealed])[0])  # upcast from the version of then
            )
        except (msgspec.MsgspecError, ValueError) as error:
            raise CannotPublish(told.recorded) from error
        return {name: get(holder) for name, get in self._opened_getters}

    def _told(self, recorded: Recorded, facts: Any, *, is_newest: bool) -> Told:
        listed, term = self.listed, self._term
        due = getattr(facts, term[0]) if term is not None else None
        fact = Fact(
            recorded.position,
            recorded.stream,
            facts.timestamp,
            self.service,
            facts.subject if self.service is not None else None,
            getattr(facts, listed.case) if listed.case is not None else None,
            term[1](due) if term is not None and due is not None else None,
            self._tells_days,
            listed.ended,
        )
        return Told(self, recorded, fact, {name: get(facts) for name, get in self._getters}, is_newest)

    def _wanted(self) -> Sequence[str]:
        """The event's own facts that are decoded."""
        listed = self.listed
        wanted = {"timestamp", *(fact.path[0] for fact in self.plain)}
        wanted |= {"subject"} if listed.begins else set()
        wanted |= {listed.case} if listed.case is not None else set()
        wanted |= {listed.term.fact} if listed.term is not None and listed.term.fact is not None else set()
        return sorted(wanted)


def type_of(kind: type[Root.Event]) -> str:
    """What events of a class are called outside: ``compatriot.application.decision_delivered``."""
    return ".".join(_CAPITAL.sub("_", part).lower() for part in topic_of(kind).split("."))


@cache
def reading_of(topic: str) -> Reading | None:
    """How events of this stored topic are read; None: they never leave the house. Raises: UnknownTopic."""
    kind = event_class(topic)
    listed = published(kind)
    return Reading(kind, listed) if listed is not None else None


def told_by(recorded: Sequence[Recorded]) -> list[Told]:
    """What these events say in public, those that say nothing left out. Raises: CannotPublish."""
    told: list[Told] = []
    for one in recorded:
        try:
            reading = reading_of(one.topic)
        except UnknownTopic as error:  # whether it is public only a younger release knows
            raise CannotPublish(one) from error
        if reading is not None:
            told.append(reading.read(one))
    return told


class _Holder:
    """Facts by name, as attributes."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.__dict__.update(facts)


def _document(shape: Shape, wanted: Sequence[str]) -> type[Struct]:
    name = shape.kind.__qualname__
    facts = defstruct(f"{name}.Public", [(fact, shape.hints[fact]) for fact in wanted], gc=False)
    return defstruct(f"{name}.PublicDocument", [("class_version", int), ("facts", facts)])


def _partial(kind: type[Any], paths: Sequence[tuple[str, ...]]) -> type[Struct]:
    """A type that holds of ``kind`` only what the paths lead to."""
    hints = get_type_hints(kind, include_extras=True)
    members: list[tuple[str, Any]] = []
    for name in sorted({path[0] for path in paths}):
        deeper = [path[1:] for path in paths if path[0] == name and len(path) > 1]
        hint, absent = without_none(hints[name])
        part = _partial(hint, deeper) if deeper else hint
        members.append((name, part | None if absent else part))
    return defstruct(f"{kind.__qualname__}.Opened", members)


def _getter(path: tuple[str, ...]) -> Callable[[Any], Any]:
    if len(path) == 1:
        return attrgetter(path[0])

    def get(holder: Any) -> Any:
        for part in path:
            if holder is None:
                return None
            holder = getattr(holder, part)
        return holder

    return get
