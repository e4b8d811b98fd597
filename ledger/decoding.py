"""Reading events fast: one compiled decoder an event class, for those who follow the ledger and open nothing.

It reads what `ledger.codec` wrote in the newest version of its class, which is nearly everything, at C speed. Whatever
it does not take (an older version, a fact too many or too few, a mark that does not fit) the codec decides, as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct, defstruct
from msgspec.json import Decoder
from msgspec.structs import asdict

from domain.event import Root
from ledger.events import LedgerEvent
from ledger.mapper import unopened
from ledger.shape import SEALED, Shape, shape_of
from ledger.topics import event_class

_Read = Callable[[UUID, int, bytes, bool], "Root.Event | None"]

COMPILING: Final = Lock()
"""One class at a time: msgspec 0.22 keeps what it knows of a dataclass on the dataclass, from before it knows its
fields (so that one may hold itself). A thread that met with it there and decoded by it ended the whole process. Whoever
makes a decoder for dataclasses of the domain holds this."""


def decode(
    stream: UUID, version: int, topic: str, plain: bytes, sealed: bytes | None, key_id: UUID | None
) -> Root.Event:
    """The event that these columns of a row say, with `SEALED` for its personal facts.

    Raises: UnknownTopic, Unstorable, Tampered, and whatever an upcaster or a class's own check raises.
    """
    event = _compiled(topic)(stream, version, plain, sealed is not None)
    return event if event is not None else unopened(LedgerEvent(stream, version, topic, plain, sealed, key_id, None))


class _Document(Struct, forbid_unknown_fields=True):
    class_version: int
    facts: Any
    sealed: tuple[str, ...] = ()


@cache
def _compiled(topic: str) -> _Read:
    """Reads the events of a topic; None where it cannot say whether an event is sound. Raises: UnknownTopic."""
    kind = event_class(topic)
    shape = shape_of(kind)
    with COMPILING:
        document = defstruct(
            f"{kind.__qualname__}.Document", [("facts", _facts(shape))], bases=(_Document,), forbid_unknown_fields=True
        )
        decoder = Decoder(document)
    return _reader(kind, shape, decoder.decode)


def _facts(shape: Shape) -> type[Struct]:
    plain = [(name, hint) for name, hint in shape.hints.items() if name not in shape.personal]
    return defstruct(f"{shape.kind.__qualname__}.Facts", plain, forbid_unknown_fields=True, gc=False)


def _reader(kind: type[Root.Event], shape: Shape, parse: Callable[[bytes], Any]) -> _Read:
    marks: Mapping[str, Any] = dict.fromkeys(shape.personal, SEALED)
    names = tuple(sorted(shape.personal))
    newest, new, assign = shape.version, object.__new__, object.__setattr__

    def read(stream: UUID, version: int, plain: bytes, sealed: bool) -> Root.Event | None:
        try:
            document = parse(plain)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        if document.class_version != newest or document.sealed != names or sealed is not bool(names):
            return None
        facts = asdict(document.facts)
        facts.update(marks)
        facts["originator_id"] = stream
        facts["originator_version"] = version
        event = new(kind)
        assign(event, "__dict__", facts)
        return event

    return read
