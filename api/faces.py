"""The GraphQL face of domain values: frozen dataclasses and enums become Strawberry types, made once from their fields.

Read models and commands are shown by hand-written types; this is for facts that the domain may add to at any time
(a refusal's, a fault's), so that none is forgotten.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass, make_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import strawberry

SCALARS: Final = (bool, int, str, UUID, datetime, date, Decimal)

Show = Callable[[Any, str], Any]

_faces: dict[type, type] = {}
_shows: dict[type, Show] = {}
_enums: dict[type[Enum], Any] = {}
_names: dict[str, type] = {}


def enum_face(kind: type[Enum], name: str | None = None) -> Any:
    """``kind`` as a GraphQL enum, named ``name`` or as the class; the same face at every call."""
    if kind not in _enums:
        _claim(name or kind.__name__, kind)
        _enums[kind] = strawberry.enum(kind, name=name, description=_told(kind))
    return _enums[kind]


def face(annotation: Any) -> Any:
    """What stands for a value of this type in the schema. Raises: TypeError for a type that has no face."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return face(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        members = [face(each) for each in get_args(annotation) if each is not types.NoneType]
        if len(members) != 1:
            raise TypeError(f"no GraphQL face for the union {annotation}")
        return members[0] | None if types.NoneType in get_args(annotation) else members[0]
    if origin in {tuple, frozenset, list}:
        return list[face(get_args(annotation)[0])]
    supertype = getattr(annotation, "__supertype__", None)
    if supertype is not None:
        return face(supertype)
    if not isinstance(annotation, type):
        raise TypeError(f"no GraphQL face for {annotation}")
    kind = cast(type[Any], annotation)
    if kind in SCALARS:
        return kind
    if issubclass(kind, Enum):
        return enum_face(kind)
    if is_dataclass(kind):
        return dataclass_face(kind)
    raise TypeError(f"no GraphQL face for {annotation}")


def dataclass_face(kind: type, name: str | None = None) -> type:
    """A Strawberry type with the fields of the dataclass ``kind``."""
    if kind not in _faces:
        _claim(name or kind.__name__, kind)
        _faces[kind] = made(name or kind.__name__, faces_of(kind), description=_told(kind))
    return _faces[kind]


def adopt(kind: type, stands_for: type, show: Show) -> None:
    """Let the hand-written ``stands_for`` be the face of ``kind``; ``show(value, language)`` makes it."""
    _claim(stands_for.__name__, kind)
    _faces[kind] = stands_for
    _shows[kind] = show


def made(name: str, members: dict[str, Any], *, description: str | None, bases: tuple[type, ...] = ()) -> type:
    """A Strawberry type with these members by their Python names."""
    bare = make_dataclass(name, list(members.items()), bases=bases, kw_only=True)
    bare.__module__ = __name__
    return strawberry.type(bare, name=name, description=description)


def faces_of(kind: type) -> dict[str, Any]:
    """The faces of a dataclass's fields by their Python names."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: face(hints[field.name]) for field in fields(cast(Any, kind))}


def shown(value: Any, language: str) -> Any:
    """``value`` as its face carries it, sentences in ``language``."""
    if isinstance(value, tuple | frozenset | list):
        return [shown(each, language) for each in cast(tuple[Any, ...], value)]
    kind = cast(type[Any], type(value))
    if kind in _shows:
        return _shows[kind](value, language)
    if kind in _faces:
        return _faces[kind](**{field.name: shown(getattr(value, field.name), language) for field in fields(value)})
    return value


def _claim(name: str, kind: type) -> None:
    holder = _names.setdefault(name, kind)
    if holder is not kind:
        raise TypeError(f"the GraphQL name {name} is taken by {holder.__module__}.{holder.__qualname__}")


def _told(kind: type) -> str | None:
    """The first sentence of the class's own docstring, for the schema's readers."""
    told = kind.__doc__ or ""
    if told.startswith(f"{kind.__name__}("):
        return None
    return " ".join(told.split("\n\n")[0].split()) or None
