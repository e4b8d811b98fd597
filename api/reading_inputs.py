"""How inputs become their Python objects: worked out once for each input type, through Strawberry's own hook for it.

Strawberry goes over the declared types anew for every value of every request; what it makes is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any, TypeAlias, cast

from strawberry import Schema
from strawberry.schema.name_converter import NameConverter
from strawberry.types.arguments import InputContext
from strawberry.types.base import StrawberryList, StrawberryObjectDefinition, StrawberryOptional
from strawberry.types.enum import StrawberryEnumDefinition

from api.faces import SCALARS

Read: TypeAlias = Callable[[Any], Any]
"""Makes the Python value of one that graphql-core has coerced and that is not None."""


class Unread(Exception):
    """An input declares a type that is not read here."""


def read_directly(schema: Schema) -> None:
    """Let every input type of the schema be read by a plan of its own. Raises: Unread."""
    names = schema.config.name_converter
    for known in schema.schema_converter.type_map.values():
        definition = known.definition
        if isinstance(definition, StrawberryObjectDefinition) and definition.is_input:
            definition.from_input = _hook(_object(definition, names))


def _hook(read: Read) -> Callable[[type, Mapping[str, Any], InputContext], Any]:
    return lambda _kind, value, _context: read(value)


def _object(definition: StrawberryObjectDefinition, names: NameConverter) -> Read:
    kind = cast("Callable[..., Any]", definition.origin)
    fields = cast(list[Any], definition.fields)
    missing = {
        field.python_name: None
        for field in fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }
    members = [
        (names.from_field(field), field.python_name, _reading(field.resolve_type(type_definition=definition), names))
        for field in fields
    ]

    def read(value: Mapping[str, Any]) -> Any:
        facts: dict[str, Any] = missing.copy()
        for sent, name, member in members:
            if sent in value:
                given = value[sent]
                facts[name] = given if member is None or given is None else member(given)
        return kind(**facts)

    return read


def _reading(declared: Any, names: NameConverter) -> Read | None:
    """How a value of this declared type is read; None if it stays as it is."""
    if isinstance(declared, StrawberryOptional):
        return _reading(declared.of_type, names)
    if isinstance(declared, StrawberryList):
        item = _reading(declared.of_type, names)
        return list if item is None else _list(item)
    definition = getattr(declared, "__strawberry_definition__", None)
    if isinstance(definition, StrawberryObjectDefinition):
        return _object(definition, names)
    if isinstance(declared, StrawberryEnumDefinition) or declared in SCALARS:
        return None
    raise Unread(f"{declared!r}")


def _list(item: Read) -> Read:
    return lambda values: [None if each is None else item(each) for each in values]
