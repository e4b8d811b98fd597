"""What an event may say outside the house: the list of its public facts stands beside its class.

No list, and the event never leaves; a new field is private until somebody lists it. Whatever is listed is of a closed
type: a word from a short list, yes or no, a small number, money. Free text, ids and times are none, so that no list
can let one out by mistake.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from domain.event import PERSONAL
from domain.payments.money import Money

DAYS_LEFT: Final = "days_left"
"""The public fact that a `Term` gives: days from the Tbilisi day of the event to the last day of the term."""


class NotPublishable(TypeError):
    """A list names what must not leave the house, or what is not there."""


@dataclass(frozen=True)
class Term:
    """That an event tells how many days of its case's term are left; None while no term runs.

    ``fact`` is the event's own fact that sets or moves the term, if it has one, and ``ends`` says the last day by it.
    Otherwise what the case's earlier events said counts.
    """

    fact: str | None = None
    ends: Callable[[Any], date] | None = None


@dataclass(frozen=True, init=False)
class Published:
    """What of an event is public, under a ``version`` of its own that readers outside go by.

    Each path leads from the event to a fact, by dots into what it holds, and its last part is the fact's public name.
    ``opens`` are paths into what is sealed, opened on purpose: decision 40 says why each. ``begins``: with this event a
    case begins. ``case`` names the fact that says to which case the event's stream belongs from now on.

    A list may end and is never removed: ``ended``, and no more is published, but what was has its place in its case for
    ever, which a replay must fill.
    """

    version: int
    paths: tuple[str, ...]
    opens: tuple[str, ...]
    begins: bool
    case: str | None
    term: Term | None
    ended: bool

    def __init__(
        self,
        version: int,
        *paths: str,
        opens: tuple[str, ...] = (),
        begins: bool = False,
        case: str | None = None,
        term: Term | None = None,
        ended: bool = False,
    ) -> None:
        told = {"version": version, "paths": paths, "opens": opens, "begins": begins, "case": case, "term": term}
        for name, value in {**told, "ended": ended}.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class PublicFact:
    """One public fact: its public name, where it stands in the event, its type, and whether it is sealed there."""

    name: str
    path: tuple[str, ...]
    hint: Any
    opened: bool


def published(kind: type[Any]) -> Published | None:
    """The list beside an event class; None: it never leaves the house."""
    return getattr(kind, "PUBLIC", None)


def public_facts(kind: type[Any]) -> tuple[PublicFact, ...]:
    """The public facts of an event class in the order of their names, without those that are counted.

    Raises: NotPublishable.
    """
    listed = published(kind)
    if listed is None:
        return ()
    found = [_fact(kind, path, opened=False) for path in listed.paths]
    found += [_fact(kind, path, opened=True) for path in listed.opens]
    names = [fact.name for fact in found] + ([DAYS_LEFT] if listed.term else [])
    if len(set(names)) < len(names):
        raise NotPublishable(f"{kind.__qualname__} publishes two facts under one name")
    if listed.case is not None and _hints(kind).get(listed.case) is not UUID:
        raise NotPublishable(f"{kind.__qualname__}.{listed.case} names no case")
    if listed.term is not None and listed.term.fact is not None:
        _refuse_sealed_term(kind, listed.term.fact)
    return tuple(sorted(found, key=lambda fact: fact.name))


def members(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    """The fields of a dataclass that is published whole, with their types, in the order of their names."""
    hints = _hints(kind)
    return tuple(sorted((field.name, hints[field.name]) for field in fields(kind)))


def without_none(hint: Any) -> tuple[Any, bool]:
    """What a fact is where it is there, without its marks, and whether it may be absent."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, types.UnionType):
        there = [one for one in get_args(hint) if one is not type(None)]
        if len(there) == 1:
            return without_none(there[0])[0], True
    return hint, False


def _fact(kind: type[Any], path: str, *, opened: bool) -> PublicFact:
    title = f"{kind.__qualname__}.{path}"
    parts = tuple(path.split("."))
    holder: Any = kind
    hint: Any = kind
    sealed = False
    for part in parts:
        holder, _ = without_none(hint)
        if not (isinstance(holder, type) and is_dataclass(holder)) or part not in _hints(holder):
            raise NotPublishable(f"{title}: there is no {part}")
        hint = _hints(holder)[part]
        sealed = sealed or _is_marked(hint)
    if sealed and not opened:
        raise NotPublishable(f"{title} is sealed: it leaves the house only where it is opened on purpose")
    if opened and not sealed:
        raise NotPublishable(f"{title} is not sealed: there is nothing to open")
    for flaw in _open_types(hint):
        raise NotPublishable(f"{title}: {flaw} may hold anything")
    return PublicFact(parts[-1], parts, hint, opened)


def _open_types(hint: Any) -> Iterator[str]:
    """The types within ``hint`` that are not closed."""
    there, _ = without_none(hint)
    if get_origin(there) is tuple:
        for one in get_args(there):
            if one is not Ellipsis:
                yield from _open_types(one)
    elif there in (bool, int, Money) or (isinstance(there, type) and issubclass(there, Enum)):
        return
    elif isinstance(there, type) and is_dataclass(there):
        for _, inner in members(there):
            yield from _open_types(inner)
    else:
        yield str(hint)


def _is_marked(hint: Any) -> bool:
    if PERSONAL in getattr(hint, "__metadata__", ()):
        return True
    return any(_is_marked(inner) for inner in get_args(hint))


def _refuse_sealed_term(kind: type[Any], fact: str) -> None:
    hint = _hints(kind).get(fact)
    if hint is None or _is_marked(hint):
        raise NotPublishable(f"{kind.__qualname__}.{fact} says no term")


def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)
