"""Between the domain's events and what is stored: the plain part in exact bytes, the personal part sealed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent, find_id_convertor
from typing_extensions import override

from domain.event import Erased, Root
from ledger.aead import Tampered
from ledger.codec import Json, Unstorable, dump, load
from ledger.events import LedgerEvent, LedgerNotification
from ledger.sealing import Sealed, Sealer
from ledger.shape import SEALED, shape_of
from ledger.topics import event_class, topic_of


class SubjectMissing(TypeError):
    """An event holds personal facts and names no subject whose key could seal them: it must never be stored."""


class SealingMapper(Mapper[UUID]):
    """Maps events of the office. The plain part is ``{"class_version", "facts", "sealed"}`` in canonical JSON;
    ``sealed`` names the facts of the sealed part and is absent where there is none."""

    def __init__(self, sealer: Sealer) -> None:
        super().__init__(JSONTranscoder())
        self.sealer = sealer

    @override
    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Raises: SubjectMissing, SubjectErased, UnknownKey, Unstorable, UnknownTopic."""
        if not isinstance(domain_event, Root.Event):
            raise TypeError(f"{type(domain_event).__qualname__} is no event of the office")
        kind = type(domain_event)
        shape, topic = shape_of(kind), topic_of(kind)
        document: dict[str, Json] = {
            "class_version": shape.version,
            "facts": shape.write(domain_event, shape.plain_names),
        }
        sealed: Sealed | None = None
        if shape.personal:
            if domain_event.subject is None:
                raise SubjectMissing(f"{kind.__qualname__} holds personal facts of no subject")
            facts = shape.write(domain_event, shape.sealed_names)
            document["sealed"] = list[Json](shape.sealed_names)
            stream, version = domain_event.originator_id, domain_event.originator_version
            sealed = self.sealer.seal(stream, version, topic, domain_event.subject, facts, shape.version)
        return LedgerEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=topic,
            state=dump(document),
            sealed=sealed.ciphertext if sealed else None,
            key_id=sealed.key_id if sealed else None,
            at=domain_event.timestamp,
        )

    @override
    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """The event with its personal facts opened, or `ERASED`. Raises: Tampered, Unstorable, UnknownKey."""
        sealed = sealed_part(stored_event)
        return _event(stored_event, self.sealer.open_stored([sealed])[0] if sealed else None)


def unopened(stored_event: StoredEvent) -> Root.Event:
    """The event with `SEALED` for its personal facts: no key is asked for. Raises: Unstorable, Tampered."""
    return _event(stored_event, SEALED if sealed_part(stored_event) else None)


def sealed_part(stored: StoredEvent) -> Sealed | None:
    """The sealed part of a stored event, if it has one."""
    if not isinstance(stored, (LedgerEvent, LedgerNotification)) or stored.sealed is None or stored.key_id is None:
        return None
    return Sealed(
        cast(UUID, stored.originator_id), stored.originator_version, stored.topic, stored.key_id, stored.sealed
    )


def with_facts(event: Root.Event, facts: dict[str, Any]) -> Root.Event:
    """The same event with these facts in place of its marks."""
    opened = object.__new__(type(event))
    object.__setattr__(opened, "__dict__", {**vars(event), **facts})
    return opened


def _event(stored: StoredEvent, opened: Any) -> Root.Event:
    kind = event_class(stored.topic)
    shape = shape_of(kind)
    document = load(stored.state)
    facts, version, names = document.get("facts"), document.get("class_version"), document.get("sealed", [])
    if not isinstance(facts, dict) or not isinstance(version, int) or not isinstance(names, list):
        raise Unstorable(f"{stored.topic}: what is stored is no event")
    state: dict[str, Any] = dict(facts)
    state.update(_personal(cast(list[str], names), opened))
    shape.upcast(state, version)
    typed = shape.read(state)
    if missing := shape.hints.keys() - typed.keys():
        raise Unstorable(f"{stored.topic}: {', '.join(sorted(missing))} missing")
    typed["originator_id"] = find_id_convertor(kind, type(stored.originator_id))(stored.originator_id)
    typed["originator_version"] = stored.originator_version
    event = object.__new__(kind)
    object.__setattr__(event, "__dict__", typed)
    return event


def _personal(names: Sequence[str], opened: Any) -> dict[str, Any]:
    """The personal facts by name: opened, or the mark of what they are."""
    if opened is None:
        if names:
            raise Tampered("an event names sealed facts and has no sealed part")
        return {}
    if isinstance(opened, (Erased, type(SEALED))):
        return dict.fromkeys(names, opened)
    if sorted(opened) != sorted(names):
        raise Tampered("an event's sealed part holds other facts than it names")
    return opened
