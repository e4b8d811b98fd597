"""One codec for what events hold: from typed values to canonical JSON and back, strictly, by the declared types.

What is stored can never be rewritten, so both directions refuse whatever is not exactly what the field declares. No
error names a value: it might be personal.
"""

from __future__ import annotations

import json
import types
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, NewType, TypeAlias, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from cattrs import Converter
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

LARGEST_INTEGER: Final = 2**63


class Unstorable(ValueError):
    """A value is not what its field declares, or a stored one does not read as that."""


def _exactly(kind: type[Any], write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def unstructure(value: Any) -> Any:
        if type(value) is not kind:
            raise Unstorable(f"{kind.__name__} is declared, {type(value).__name__} was given")
        return write(value)

    return unstructure


def _reading(kind: type[Any], stored: type[Any], read: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not stored:
            raise Unstorable(f"{kind.__name__} is stored as {stored.__name__}, {type(value).__name__} was found")
        try:
            return read(value)
        except (ValueError, ArithmeticError, KeyError):
            raise Unstorable(f"what is stored does not read as {kind.__name__}") from None

    return structure


def _whole(value: int) -> int:
    if not -LARGEST_INTEGER <= value < LARGEST_INTEGER:
        raise Unstorable("an integer of more than 64 bits")
    return value


def _text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise Unstorable("text with a lone surrogate") from None
    return value


def _finite(value: Decimal) -> str:
    if not value.is_finite():
        raise Unstorable("a decimal that is no number")
    return str(value)


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        raise Unstorable("a time without its zone")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _read_instant(stored: str) -> datetime:
    value = datetime.fromisoformat(stored)
    if value.tzinfo is None:
        raise ValueError
    return value.astimezone(UTC)


def _uuid(value: UUID) -> str:
    if not isinstance(value, UUID):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise Unstorable(f"UUID is declared, {type(value).__name__} was given")
    return str(value)


def _make_converter() -> Converter:
    converter = Converter(
        forbid_extra_keys=True, detailed_validation=False, unstruct_collection_overrides={tuple: list}
    )
    scalars: tuple[tuple[type[Any], type[Any], Callable[[Any], Any], Callable[[Any], Any]], ...] = (
        (str, str, _text, str),
        (int, int, _whole, int),
        (bool, bool, bool, bool),
        (bytes, str, lambda value: b64encode(value).decode(), lambda stored: b64decode(stored, validate=True)),
        (Decimal, str, _finite, Decimal),
        (date, str, date.isoformat, date.fromisoformat),
        (datetime, str, _instant, _read_instant),
    )
    for kind, stored, write, read in scalars:
        converter.register_unstructure_hook(kind, _exactly(kind, write))
        converter.register_structure_hook(kind, _reading(kind, stored, read))
    converter.register_unstructure_hook(UUID, _uuid)
    converter.register_structure_hook(UUID, _reading(UUID, str, UUID))

    def record_writer(kind: Any) -> Callable[[Any], Any]:
        return _exactly(kind, make_dict_unstructure_fn(kind, converter))

    def record_reader(kind: Any) -> Callable[[Any, Any], Any]:
        read_fields: Callable[[Any, Any], Any] = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True)
        return _record_reader(kind, read_fields)

    def tuple_writer(kind: Any) -> Callable[[Any], Any]:
        return _tuple_writer(converter, kind)

    def tuple_reader(kind: Any) -> Callable[[Any, Any], Any]:
        return _tuple_reader(converter, kind)

    converter.register_unstructure_hook_factory(_is_record, record_writer)
    converter.register_structure_hook_factory(_is_record, record_reader)
    converter.register_unstructure_hook_factory(_is_tuple, tuple_writer)
    converter.register_structure_hook_factory(_is_tuple, tuple_reader)
    return converter


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _enum_reader(kind: type[Enum]) -> Callable[[Any, Any], Any]:
    members: dict[tuple[type[Any], Any], Enum] = {(type(member.value), member.value): member for member in kind}

    def structure(value: Any, _: Any) -> Enum:
        try:
            return members[type(value), value]
        except (KeyError, TypeError):
            raise Unstorable(f"what is stored is no {kind.__name__}") from None

    return structure


def _record_reader(kind: type[Any], read: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def structure(value: Any, hint: Any) -> Any:
        if type(value) is not dict:
            raise Unstorable(f"{kind.__name__} is stored as an object, {type(value).__name__} was found")
        try:
            return read(value, hint)
        except Unstorable:
            raise
        except (TypeError, ValueError, KeyError, AttributeError, ForbiddenExtraKeysError) as error:
            raise Unstorable(f"what is stored does not read as {kind.__name__} ({type(error).__name__})") from None

    return structure


def _members(kind: Any, length: int) -> Iterable[Any]:
    arguments = get_args(kind)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return (arguments[0],) * length
    if length != len(arguments):
        raise Unstorable(f"a tuple of {len(arguments)} is declared, one of {length} was found")
    return arguments


def _tuple_writer(converter: Converter, kind: Any) -> Callable[[Any], Any]:
    def unstructure(value: Any) -> list[Any]:
        if type(value) is not tuple:
            raise Unstorable(f"tuple is declared, {type(value).__name__} was given")
        members = cast(tuple[Any, ...], value)
        return [
            converter.unstructure(one, member)
            for one, member in zip(members, _members(kind, len(members)), strict=True)
        ]

    return unstructure


def _tuple_reader(converter: Converter, kind: Any) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise Unstorable(f"a tuple is stored as a list, {type(value).__name__} was found")
        stored = cast(list[Any], value)
        return tuple(
            converter.structure(one, member) for one, member in zip(stored, _members(kind, len(stored)), strict=True)
        )

    return structure


_CONVERTER: Final = _make_converter()
_SCALARS: Final = (str, int, bool, UUID, datetime, date, Decimal, bytes, type(None))


def write(value: Any, hint: Any) -> Json:
    """``value`` as JSON, if it is what ``hint`` declares. Raises: Unstorable."""
    if value is None and _is_none(hint):
        return None
    return _CONVERTER.unstructure(value, hint)


def writer(hint: Any) -> Callable[[Any], Json]:
    """`write` for values of one declared type that was learnt: how to write it is looked up once."""
    return _CONVERTER.get_unstructure_hook(hint) if not _is_none(hint) else lambda value: write(value, hint)


def read(stored: Json, hint: Any) -> Any:
    """The typed value. Raises: Unstorable."""
    if _is_none(hint):
        if stored is not None:
            raise Unstorable("nothing is declared, something was found")
        return None
    return _CONVERTER.structure(stored, hint)


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def dump(document: Mapping[str, Json]) -> bytes:
    """Canonical bytes: UTF-8, keys sorted, no spaces. What is hashed later is exactly this."""
    return _CANONICAL.encode(document).encode()


def load(stored: bytes) -> dict[str, Json]:
    """Raises: Unstorable."""
    try:
        document = json.loads(stored)
    except (ValueError, RecursionError):
        raise Unstorable("what is stored is no JSON") from None
    if not isinstance(document, dict):
        raise Unstorable("what is stored is no JSON object")
    return document  # pyright: ignore[reportUnknownVariableType]


def learn(hint: Any) -> None:
    """Make ready to write and read what ``hint`` declares; needed once before either.

    Raises TypeError for a type that the codec does not hold: an event that declares it must never be stored.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        learn(arguments[0])
    elif isinstance(hint, NewType):
        learn(hint.__supertype__)
    elif origin in (Union, types.UnionType):
        if len(arguments) != 2 or type(None) not in arguments:
            raise TypeError(f"{hint} is a union of more than one type and None")
        for argument in arguments:
            learn(argument)
    elif origin is tuple:
        for argument in arguments:
            if argument is not Ellipsis:
                learn(argument)
    elif _is_enum(hint):
        _learn_enum(hint)
    elif _is_record(hint):
        if not hint.__dataclass_params__.frozen:
            raise TypeError(f"{hint} is a dataclass that is not frozen")
        hints = get_type_hints(hint, include_extras=True)
        for field in fields(hint):
            learn(hints[field.name])
    elif hint not in _SCALARS:
        raise TypeError(f"{hint} is no type that an event may hold")


def _learn_enum(kind: type[Enum]) -> None:
    """By name and not by a rule for all enums: an enum of texts would be taken for a text first."""
    if not all(type(member.value) in (str, int) for member in kind):
        raise TypeError(f"{kind} has members that are neither text nor whole numbers")
    _CONVERTER.register_unstructure_hook(kind, _exactly(kind, lambda member: member.value))
    _CONVERTER.register_structure_hook(kind, _enum_reader(kind))


def _is_none(hint: Any) -> bool:
    return hint is None or hint is type(None)
