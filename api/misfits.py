"""What is said of a document or a value that does not fit: where it stands and what was expected, never what was sent.

graphql-core's own messages quote the values, whole inputs among them. Proxies and clients log errors, so a misnamed
field would carry a password there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, cast

from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLSyntaxError,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    ValueNode,
    ValuesOfCorrectTypeRule,
    utilities,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.language import SKIP, VisitorAction
from graphql.type import is_required_input_field

_SAYABLE: Final = re.compile(
    r"Syntax Error: (Expected [^,\n]{1,40}|Unterminated string|Unexpected (?:Name|String|BlockString|Int|Float|<EOF>)"
    r"|Document contains more than \d+ (?:tokens|comments)|Source contains more than \d+ code points)"
)
"""What the parser says before it quotes the document."""

Path = list[str | int]

_validate_literal: Any = cast(Any, utilities).validate_input_literal
_validate_value: Any = cast(Any, utilities).validate_input_value


class LiteralsOfCorrectType(ValuesOfCorrectTypeRule):
    """graphql-core's rule for the values that stand in a document, which does not repeat them."""

    def is_valid_value_node(self, node: ValueNode, input_type: Any) -> VisitorAction:
        """Report each misfit of this value once."""
        told: set[tuple[str | int, ...]] = set()

        def on_error(error: GraphQLError, path: Path) -> None:
            if tuple(path) not in told:
                told.add(tuple(path))
                said = _said("A value", input_type, path, _members(_literal_at(node, path)))
                self.report_error(GraphQLError(said, error.nodes))

        if input_type:
            _validate_literal(node, input_type, on_error, None, None, hide_suggestions=True)
        return SKIP


def of_syntax(error: GraphQLSyntaxError) -> GraphQLError:
    """The same error at the same place, without the words of the document."""
    sayable = _SAYABLE.match(error.message)
    said = f"{sayable[1]}." if sayable else "The document cannot be read from here on."
    return GraphQLSyntaxError(cast(Any, error.source), next(iter(error.positions or (0,))), said)


def of_variables(
    schema: GraphQLSchema, operation: OperationDefinitionNode, given: Mapping[str, Any]
) -> list[GraphQLError]:
    """What does not fit in the variables given; one sentence that names nothing, if it is not found."""
    found: dict[tuple[str | int, ...], GraphQLError] = {}
    for definition in operation.variable_definitions or ():
        signature = get_variable_signature(schema, definition)
        if not isinstance(signature, GraphQLVariableSignature):
            continue
        name, type_ = signature.name, cast(Any, signature).type
        if name not in given:
            if isinstance(type_, GraphQLNonNull) and definition.default_value is None:
                found[name,] = GraphQLError(f"The variable ${name} is missing: expected {type_}.", definition)
            continue
        value = given[name]

        def on_error(
            _: GraphQLError,
            path: Path,
            name: str = name,
            type_: Any = type_,
            value: Any = value,
            node: Any = definition,
        ) -> None:
            said = _said(f"The variable ${name}", type_, path, _members(_value_at(value, path)))
            found.setdefault((name, *path), GraphQLError(said, node))

        _validate_value(value, type_, on_error, hide_suggestions=True)
    return [*found.values()] or [GraphQLError("The variables do not fit the operation.", operation)]


def _said(what: str, type_: Any, path: Path, members: Collection[str] | None) -> str:
    """The sentence. ``members``: the names in the object that stands there, None if none does."""
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
    expected = _type_at(type_, path)
    bare = _unwrapped(expected, GraphQLList, GraphQLNonNull)
    said = f"{what} does not fit{f' at {place}' if place else ''}: expected {expected}"
    if not isinstance(bare, GraphQLInputObjectType) or members is None:
        return f"{said}."
    fields: dict[str, Any] = bare.fields
    if lacking := [name for name, each in fields.items() if is_required_input_field(each) and name not in members]:
        said += f", with {', '.join(lacking)}"
    if not fields.keys() >= set(members):
        said += f", with no field but {', '.join(fields)}"
    return f"{said}."


def _type_at(type_: Any, path: Path) -> Any:
    """The type that is expected at this path. One thing may stand for a list of one, without a step of its own."""
    for step in path:
        if isinstance(step, int):
            type_ = _unwrapped(type_, GraphQLNonNull).of_type
        else:
            type_ = _unwrapped(type_, GraphQLNonNull, GraphQLList).fields[step].type
    return type_


def _unwrapped(type_: Any, *wrappers: Any) -> Any:
    while isinstance(type_, wrappers):
        type_ = type_.of_type
    return type_


def _value_at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _literal_at(node: ValueNode, path: Path) -> ValueNode:
    for step in path:
        if isinstance(step, int):
            node = cast(ListValueNode, node).values[step]
        else:
            node = next(each.value for each in cast(ObjectValueNode, node).fields if each.name.value == step)
    return node


def _members(value: Any) -> Collection[str] | None:
    if isinstance(value, ObjectValueNode):
        return {each.name.value for each in value.fields}
    return cast("dict[str, Any]", value).keys() if isinstance(value, dict) else None
