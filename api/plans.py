"""How an answer's objects become its JSON: worked out once for a document, then followed for every answer.

graphql-core decides at every field of every answer anew what the document and the schema have said already: which
fields are chosen, of what type, how a leaf is written. A plan holds those decisions. It covers the plain case, where
every field below the root is an attribute of the very class that the schema names; at anything else it gives up
(`Unplanned`) and graphql-core completes the same value, with its own errors. See decision 31.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final, TypeAlias, cast

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLString,
    GraphQLUnionType,
    Undefined,
)
from graphql.execution.collect_fields import FieldDetails
from strawberry.schema.schema_converter import CustomGraphQLEnumType, GraphQLCoreConverter
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

Complete: TypeAlias = Callable[[Any], Any]
"""Turns a resolved value into what is sent. Raises: Unplanned, or anything: then graphql-core completes the value."""
Chosen: TypeAlias = Sequence[FieldDetails]
"""The places in a document where one field is chosen: several, if its selections are merged."""
SubFields: TypeAlias = Callable[[GraphQLObjectType, Chosen], dict[str, list[FieldDetails]]]
"""Which fields these places choose of an object of this type, by response name: graphql-core's own collecting."""

_AS_THEY_ARE: Final[dict[Any, type]] = {GraphQLString: str, GraphQLBoolean: bool}
_SMALLEST_INT, _LARGEST_INT = -(2**31), 2**31 - 1


class Unplanned(Exception):
    """Not the plain case."""


class Plans:
    """One document's plans, made as they are needed. For one event loop."""

    def __init__(self, text: str) -> None:
        self._conditional = "@" in text  # a directive may choose otherwise for other variables
        self._kept: dict[tuple[int, ...], Complete | None] = {}

    def of(self, type_: Any, chosen: Chosen, sub_fields: SubFields) -> Complete | None:
        """The plan of one root field; None if it is not the plain case."""
        if self._conditional:
            return None
        place = tuple(id(each.node) for each in chosen)  # the document keeps its nodes as long as it keeps its plans
        if place not in self._kept:
            try:
                self._kept[place] = planned(type_, chosen, sub_fields)
            except Unplanned:
                self._kept[place] = None
        return self._kept[place]


def planned(type_: Any, chosen: Chosen, sub_fields: SubFields) -> Complete:
    """How a value of this type is completed. Raises: Unplanned."""
    match type_:
        case GraphQLNonNull():
            return _non_null(planned(cast(Any, type_).of_type, chosen, sub_fields))
        case GraphQLList():
            return _list(planned(cast(Any, type_).of_type, chosen, sub_fields))
        case GraphQLScalarType() | GraphQLEnumType():
            return _nullable(_leaf(type_))
        case GraphQLObjectType():
            return _nullable(_object(type_, chosen, sub_fields))
        case GraphQLUnionType():
            return _nullable(_union(type_, chosen, sub_fields))
        case _:
            raise Unplanned


def _non_null(complete: Complete) -> Complete:
    def present(value: Any) -> Any:
        completed = complete(value)
        if completed is None:
            raise Unplanned
        return completed

    return present


def _nullable(complete: Complete) -> Complete:
    return lambda value: None if value is None else complete(value)


def _list(item: Complete) -> Complete:
    def items(value: Any) -> list[Any] | None:
        if value is None:
            return None
        if type(value) is not list and type(value) is not tuple:
            raise Unplanned
        return [item(each) for each in cast("list[Any]", value)]

    return items


def _leaf(type_: GraphQLScalarType | GraphQLEnumType) -> Complete:
    if type_ in _AS_THEY_ARE:
        return _only(_AS_THEY_ARE[type_])
    if type_ is GraphQLInt:
        return _int
    if isinstance(type_, CustomGraphQLEnumType):
        kind: Any = type_.wrapped_cls
        names: dict[Any, str] = {member: type_.coerce_output_value(member) for member in kind}
        return lambda value: names[_exactly(kind, value)]
    coerce = type_.coerce_output_value

    def written(value: Any) -> Any:
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise Unplanned
        return coerced

    return written


def _only(kind: type) -> Complete:
    return lambda value: _exactly(kind, value)


def _int(value: Any) -> int:
    if type(value) is not int or not _SMALLEST_INT <= value <= _LARGEST_INT:
        raise Unplanned
    return value


def _exactly(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise Unplanned
    return value


def _object(type_: GraphQLObjectType, chosen: Chosen, sub_fields: SubFields) -> Complete:
    definition = type_.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(definition, StrawberryObjectDefinition) or cast(Any, definition).is_type_of is not None:
        raise Unplanned
    origin: type[Any] = definition.origin
    empty: dict[str, Any] = {}
    members: list[tuple[str, str, Complete]] = []
    for answered, places in sub_fields(type_, chosen).items():
        name = places[0].node.name.value
        empty[answered] = type_.name
        if name == "__typename":
            continue
        field = type_.fields.get(name)
        known = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF) if field is not None else None
        if field is None or field.args or not isinstance(known, StrawberryField) or not known.is_basic_field:
            raise Unplanned
        members.append((answered, known.python_name, planned(field.type, places, sub_fields)))
    facts = _facts([name for _, name, _ in members])
    completing = [(answered, complete) for answered, _, complete in members]

    def complete(value: Any) -> dict[str, Any]:
        if type(value) is not origin:
            raise Unplanned
        answer = empty.copy()
        for (answered, member), fact in zip(completing, facts(value), strict=True):
            answer[answered] = member(fact)
        return answer

    return complete


def _facts(names: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    """Reads these attributes, in one call."""
    if not names:
        return lambda _: ()
    read = attrgetter(*names)
    return read if len(names) > 1 else lambda value: (read(value),)


def _union(type_: GraphQLUnionType, chosen: Chosen, sub_fields: SubFields) -> Complete:
    plans: dict[Any, Complete | None] = {}
    for member in type_.types:
        definition = member.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if not isinstance(definition, StrawberryObjectDefinition) or definition.concrete_of is not None:
            raise Unplanned
        try:
            plans[definition.origin] = _object(member, chosen, sub_fields)
        except Unplanned:
            plans[definition.origin] = None

    def complete(value: Any) -> Any:
        plan = plans.get(cast(Any, type(value)))
        if plan is None:
            raise Unplanned
        return plan(value)

    return complete
