"""How a request's variables become values: worked out once for an operation, then followed for every request.

graphql-core goes over the declared types anew for every value of every request. What is made here is the same; where a
value is not as its type says, nothing is made, and graphql-core finds out what is wrong with it. See decision 31.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.type import is_required_input_field
from graphql.utilities.coerce_input_value import coerce_default_value

Coerce: TypeAlias = Callable[[Any], Any]
"""Makes a variable's value, or a part of it. Raises: Unplanned, or anything: then graphql-core does."""

_AS_THEY_ARE: Final[dict[Any, type]] = {GraphQLString: str, GraphQLBoolean: bool}


class Unplanned(Exception):
    """Not the plain case, or not what the type says."""


class Variables:
    """One operation's variables."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._planned: list[tuple[GraphQLVariableSignature, Coerce]] | None = []
        for definition in operation.variable_definitions or ():
            signature = get_variable_signature(schema, definition)
            try:
                if not isinstance(signature, GraphQLVariableSignature) or definition.default_value:
                    raise Unplanned
                self._planned.append((signature, _coercing(_type(signature), ())))
            except Unplanned:
                self._planned = None
                return

    def of(self, given: Mapping[str, Any]) -> VariableValues | None:
        """What graphql-core makes of the variables given; None where it has to make it."""
        if self._planned is None:
            return None
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        try:
            for signature, coerce in self._planned:
                name = signature.name
                if name in given:
                    value = given[name]
                    sources[name] = VariableValueSource(signature, value)
                    coerced[name] = coerce(value)
                elif isinstance(_type(signature), GraphQLNonNull):
                    return None
                else:
                    sources[name] = VariableValueSource(signature)
        except Exception:  # noqa: BLE001 - graphql-core meets it again, and says what is wrong with the value
            return None
        return VariableValues(sources, coerced)


def _type(of: GraphQLVariableSignature | GraphQLInputField) -> Any:
    declared: Any = of
    return declared.type


def _coercing(type_: Any, within: tuple[GraphQLInputObjectType, ...]) -> Coerce:
    """How a value of this type is made. Raises: Unplanned for a type that holds itself."""
    if isinstance(type_, GraphQLNonNull):
        return _present(_coercing(cast(Any, type_).of_type, within))
    return _nullable(_given(type_, within))


def _present(coerce: Coerce) -> Coerce:
    def present(value: Any) -> Any:
        if value is None:
            raise Unplanned
        return coerce(value)

    return present


def _nullable(coerce: Coerce) -> Coerce:
    return lambda value: None if value is None else coerce(value)


def _given(type_: Any, within: tuple[GraphQLInputObjectType, ...]) -> Coerce:
    match type_:
        case GraphQLList():
            return _list(_coercing(cast(Any, type_).of_type, within))
        case GraphQLInputObjectType() if type_ not in within and not type_.is_one_of:
            return _object(type_, (*within, type_))
        case GraphQLScalarType() | GraphQLEnumType():
            return _leaf(type_)
        case _:
            raise Unplanned


def _list(item: Coerce) -> Coerce:
    def items(value: Any) -> list[Any]:
        if type(value) is not list:  # one of its own is a list of one, says GraphQL: seldom sent
            raise Unplanned
        return [item(each) for each in cast("list[Any]", value)]

    return items


def _leaf(type_: GraphQLScalarType | GraphQLEnumType) -> Coerce:
    if type_ in _AS_THEY_ARE:
        return _exactly(_AS_THEY_ARE[type_])
    made = type_.coerce_input_value

    def leaf(value: Any) -> Any:
        coerced = made(value)
        if coerced is Undefined:
            raise Unplanned
        return coerced

    return leaf


def _exactly(kind: type) -> Coerce:
    def same(value: Any) -> Any:
        if type(value) is not kind:
            raise Unplanned
        return value

    return same


def _object(type_: GraphQLInputObjectType, within: tuple[GraphQLInputObjectType, ...]) -> Coerce:
    fields: dict[str, GraphQLInputField] = type_.fields
    names = frozenset(fields)
    members = [
        (name, field.out_name or name, _coercing(_type(field), within), _missing(field))
        for name, field in fields.items()
    ]
    finish = cast(Any, type_).out_type

    def read(value: Any) -> Any:
        if type(value) is not dict or not cast("dict[str, Any]", value).keys() <= names:
            raise Unplanned
        given = cast("dict[str, Any]", value)
        coerced: dict[str, Any] = {}
        for name, out, coerce, missing in members:
            if name in given:
                coerced[out] = coerce(given[name])
            elif missing is not None:
                default = missing()
                if default is not Undefined:
                    coerced[out] = default
        return finish(coerced)

    return read


def _missing(field: GraphQLInputField) -> Callable[[], Any] | None:
    """What stands where the field is not sent: its default, refused if it is required, nothing (None)."""
    if is_required_input_field(field):
        return _refuse
    if field.default is None and field.default_value is Undefined:
        return None
    return lambda: coerce_default_value(field)


def _refuse() -> Any:
    raise Unplanned
