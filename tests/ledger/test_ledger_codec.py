"""What an event holds comes back exactly as it was, for every event class there is; anything else is refused."""

from __future__ import annotations

import json
import types
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, NewType, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_samples import Colour, Letter, Name, Note, Size

from domain.event import ERASED, Created, Personal, Root
from domain.payments.money import Money
from domain.people import SubjectId
from ledger.codec import Unstorable, dump, learn, load, read, write
from ledger.shape import SEALED, is_personal, shape_of
from ledger.topics import event_classes

EVENTS = event_classes()

NARROWER = {
    Money: st.builds(
        Money,
        amount=st.decimals("0.01", "999999999.99", places=2),
        currency=st.sampled_from(["GEL", "EUR"]),
    )
}
"""Records whose own rules admit less than their declared types."""


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Everything that a declared type admits, written from the type itself and not from the codec."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return values(arguments[0])
    if isinstance(hint, NewType):
        return values(hint.__supertype__)
    if origin in (Union, types.UnionType):
        return st.one_of([values(argument) for argument in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, arguments))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if hint in NARROWER:
        return NARROWER[hint]
    if is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        return st.builds(hint, **{field.name: values(hints[field.name]) for field in fields(hint)})
    return {
        type(None): st.none(),
        str: st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        int: st.integers(-(2**63), 2**63 - 1),
        bool: st.booleans(),
        bytes: st.binary(max_size=20),
        UUID: st.uuids(),
        date: st.dates(),
        datetime: st.datetimes(
            min_value=datetime(2, 1, 1),
            max_value=datetime(9998, 1, 1),
            timezones=st.sampled_from([UTC, timezone(timedelta(hours=4))]),
        ),
        Decimal: st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9),
    }[hint]


@pytest.mark.parametrize("topic", EVENTS)
@settings(max_examples=15, deadline=None)
@given(choice=st.data())
def test_every_event_comes_back_as_it_was(topic: str, choice: st.DataObject) -> None:
    shape = shape_of(EVENTS[topic])
    facts = choice.draw(st.fixed_dictionaries({name: values(hint) for name, hint in shape.hints.items()}))
    event = object.__new__(shape.kind)
    object.__setattr__(event, "__dict__", dict(facts))
    stored = dump(shape.write(event, shape.hints))
    again = shape.read(load(stored))
    assert again == facts
    assert [type(again[name]) for name in facts] == [type(value) for value in facts.values()]
    assert dump(shape.write(event, shape.hints)) == stored, "the same facts give the same bytes"


def test_there_are_events_to_speak_of() -> None:
    assert {"sample.Letter.Written", "compatriot.Application.Registered", "videobar.Call.Ended"} <= EVENTS.keys()


def test_stored_bytes_are_canonical() -> None:
    assert dump({"ბ": "ა", "a": [None, True, 1], "A": {"z": "\u0000", "b": ""}}) == (
        '{"A":{"b":"","z":"\\u0000"},"a":[null,true,1],"ბ":"ა"}'.encode()
    )


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("1", int),
        (True, int),
        (1, bool),
        (1.0, Decimal),
        (Decimal("NaN"), Decimal),
        (2**63, int),
        ("\ud800", str),
        (Colour.RED, str),
        ("red", Colour),
        (Size.SMALL, Colour),
        ([Colour.RED], tuple[Colour, ...]),
        ((1,), tuple[int, int]),
        (datetime(2026, 1, 1), datetime),
        (datetime(2026, 1, 1, tzinfo=UTC), date),
        (date(2026, 1, 1), datetime),
        ("2026-01-01", date),
        (bytearray(b"x"), bytes),
        ({"first": "a", "last": "b", "colour": None}, Name),
        (None, str),
        (ERASED, str),
        (SEALED, str | None),
        (str(UUID(int=1)), UUID),
    ],
    ids=str,
)
def test_what_is_not_what_was_declared_is_not_stored(value: Any, hint: Any) -> None:
    learn(hint)
    with pytest.raises(Unstorable):
        write(value, hint)


@pytest.mark.parametrize(
    ("stored", "hint"),
    [
        (1, str),
        ("1", int),
        (1, bool),
        (True, int),
        ("blue", Colour),
        (True, Size),
        (1, Colour),
        ({"first": "a", "last": "b", "colour": None, "more": 1}, Name),
        ({"first": "a"}, Name),
        (["a", "b"], Name),
        ([1], tuple[int, int]),
        ("x", tuple[int, ...]),
        ("2026-01-01T00:00:00", datetime),
        ("*", bytes),
        ("x", Decimal),
        ("x", UUID),
        (None, int),
    ],
    ids=str,
)
def test_what_does_not_read_as_declared_is_no_event(stored: Any, hint: Any) -> None:
    learn(hint)
    with pytest.raises(Unstorable):
        read(stored, hint)


def test_no_error_tells_what_a_field_held() -> None:
    for attempt in (lambda: write("CANARY\ud800", str), lambda: write("CANARY", int), lambda: read("CANARY", UUID)):
        with pytest.raises(Unstorable) as refused:
            attempt()
        assert "CANARY" not in repr(refused.value)
        assert refused.value.__cause__ is None
        assert refused.value.__context__ is None or refused.value.__suppress_context__


@dataclass
class Melting:
    water: str


@pytest.mark.parametrize(
    "hint", [float, list[str], dict[str, str], Melting, str | int, str | int | None, Any, object, tuple[float, ...]]
)
def test_types_that_could_not_come_back_are_refused_before_anything_is_stored(hint: Any) -> None:
    with pytest.raises(TypeError):
        learn(hint)


Secret = NewType("Secret", Annotated[str, Personal[str].__metadata__[0]])


@dataclass(frozen=True)
class Bundle:
    notes: tuple[Note, ...]


@pytest.mark.parametrize(
    ("hint", "personal"),
    [
        (Personal[str], True),
        (Personal[str | None], True),
        (Personal[str] | None, True),
        (tuple[Personal[str], ...], True),
        (tuple[Note, ...] | None, True),
        (Bundle, True),
        (Secret, True),
        (str | None, False),
        (Name, False),
        (tuple[Name, ...], False),
        (SubjectId, False),
    ],
    ids=str,
)
def test_a_mark_anywhere_in_a_type_makes_it_personal(hint: Any, personal: bool) -> None:
    assert is_personal(hint) is personal


def test_the_library_redefines_events_and_their_facts_are_found_all_the_same() -> None:
    assert shape_of(Letter.Written).personal == {"sender", "text", "second"}
    assert shape_of(Letter.Stamped).personal == set()
    assert shape_of(Letter.Annotated).personal == {"notes"}
    assert shape_of(Letter.Written).hints.keys() == {
        *("timestamp", "by", "command", "correlation", "subject", "originator_topic"),
        *("sender", "text", "second", "pages"),
    }
    assert shape_of(Letter.Written) is shape_of(Letter.Written)


def test_an_event_class_with_what_cannot_be_stored_is_refused_by_name() -> None:
    class Weighed(Root.Event):
        weight: float

    with pytest.raises(TypeError, match=r"Weighed\.weight"):
        shape_of(Weighed)


def test_the_state_of_an_older_version_is_brought_up_step_by_step() -> None:
    class Moved(Created):
        class_version = 3
        town: str

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["city"] = state.pop("place", None)

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            state["town"] = state.pop("city", None)

    shape = shape_of(Moved)
    for version, state in ((1, {"place": "Gori"}), (2, {"city": "Gori"}), (3, {"town": "Gori"})):
        shape.upcast(state, version)
        assert state == {"town": "Gori"}
    sealed = {"place": SEALED}
    shape.upcast(sealed, 1)
    assert shape.read(sealed) == {"town": SEALED}
    with pytest.raises(Unstorable, match="up to version 3, found 4"):
        shape.upcast({}, 4)


@given(st.binary() | st.text().map(str.encode) | st.integers().map(lambda number: json.dumps(number).encode()))
def test_whatever_stands_where_an_event_should_is_refused_and_nothing_worse(stored: bytes) -> None:
    with suppress(Unstorable):
        assert isinstance(load(stored), dict)
