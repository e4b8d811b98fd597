"""Which class a stored topic means: every aggregate below `Root` and every event in it, wherever it now lives."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from threading import Lock
from typing import Any

from eventsourcing.utils import TopicError, register_topic

import domain
from domain.event import Root

_known: dict[str, type[Root.Event]] = {}
_lock = Lock()


class UnknownTopic(TopicError):
    """A stored event names a topic that no class declares: an older program reads a newer ledger, or one was lost."""


def event_class(topic: str) -> type[Root.Event]:
    """The event class that declares ``topic``. Raises: UnknownTopic."""
    found = _known.get(topic)
    if found is None:
        found = event_classes().get(topic)
    if found is None:
        raise UnknownTopic(f"no event declares the topic {topic}")
    return found


def is_declared(topic: str) -> bool:
    """Whether an event class declares ``topic``."""
    try:
        event_class(topic)
    except UnknownTopic:
        return False
    return True


def event_classes() -> dict[str, type[Root.Event]]:
    """Every event class below `Root` by its topic, after importing every module of the domain.

    Raises: TopicError if two classes declare one topic.
    """
    with _lock:
        for module in pkgutil.walk_packages(domain.__path__, f"{domain.__name__}."):
            importlib.import_module(module.name)
        found: dict[str, type[Root.Event]] = {}
        aggregates: dict[str, type[Root]] = {}
        for aggregate in _below(Root):
            if "TOPIC" in vars(aggregate):
                _take(aggregates, vars(aggregate)["TOPIC"], aggregate)
            for event in vars(aggregate).values():
                topic = getattr(event, "TOPIC", None)
                if topic is not None and isinstance(event, type) and issubclass(event, Root.Event):
                    _take(found, topic, event)
        _known.update(found)
        for topic, kind in (*found.items(), *aggregates.items()):
            register_topic(topic, kind)  # the library resolves an aggregate's topic itself when it is first made
        return dict(found)


def topic_of(event: type[Root.Event]) -> str:
    """The topic that the class declares. Raises: UnknownTopic if it declares none."""
    topic = getattr(event, "TOPIC", None)
    if topic is None:
        raise UnknownTopic(f"{event.__module__}.{event.__qualname__} declares no TOPIC")
    return str(topic)


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _take(found: dict[str, type[Any]], topic: str, kind: type[Any]) -> None:
    """Of an event and what the library redefines from it, the most derived is the one that aggregates emit."""
    other = found.setdefault(topic, kind)
    if other is kind or issubclass(other, kind):
        return
    if not issubclass(kind, other):
        raise TopicError(f"{kind.__qualname__} and {other.__qualname__} both declare the topic {topic}")
    found[topic] = kind
