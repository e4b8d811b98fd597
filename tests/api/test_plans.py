"""An answer written by plan is the answer that graphql-core writes, whatever was asked and whatever was resolved."""

import asyncio
from datetime import UTC, date, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    Undefined,
    get_variable_values,
    is_leaf_type,
    parse,
)
from graphql.utilities import coerce_input_value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.schema.schema_converter import CustomGraphQLEnumType
from strawberry.types.arguments import convert_argument
from window import OPERATIONS

from api.execution import Executor, _execute
from api.fields.lookup import DraftView, Me
from api.plans import Plans
from api.schema import build_schema
from api.variables import Variables

WEB = build_schema(closed=False)
CORE = WEB._schema
ROOTS = {"query": CORE.query_type, "mutation": CORE.mutation_type}
FIELDS = [(kind, name) for kind, root in ROOTS.items() for name, field in root.fields.items()]
LEAVES = {
    "String": st.text(max_size=5),
    "Int": st.sampled_from((0, 7, -(2**31), 2**31 - 1, 2**31, -(2**31) - 1)),
    "Boolean": st.booleans(),
    "Float": st.sampled_from((0.0, 46.9, -1.5, 1e300, 5e-324, 7)),
    "ID": st.text(max_size=5),
    "UUID": st.uuids(),
    "DateTime": st.datetimes(timezones=st.just(UTC)),
    "Date": st.dates(),
    "Decimal": st.decimals(allow_nan=False, allow_infinity=False),
}
ODD = st.one_of(
    st.none(), st.integers(), st.text(max_size=3), st.just(ValueError("odd")), st.just(object()), st.just([None]),
    st.just({"a": 1}), st.just(1.5), st.just(True), st.just((1, 2)),
)  # fmt: skip


def likely(types):
    """One of these types, every other time the first: an operation's success."""
    return st.booleans().flatmap(lambda first: st.just(types[0]) if first else st.sampled_from(types))


class Value:
    """Makes values of GraphQL types, one in ``odds`` not as the schema says."""

    def __init__(self, data, odds):
        self.data, self.odds = data, odds

    def one_in(self, many):
        return self.data.draw(st.integers(0, many)) == 1

    def of(self, type_, null=True):
        if self.odds and self.one_in(self.odds):
            return self.data.draw(ODD)
        if isinstance(type_, GraphQLNonNull):
            return self.of(type_.of_type, null=False)
        if null and self.one_in(4):
            return None
        if isinstance(type_, GraphQLList):
            made = [self.of(type_.of_type) for _ in range(self.data.draw(st.integers(0, 2)))]
            return tuple(made) if self.data.draw(st.booleans()) else made
        if isinstance(type_, CustomGraphQLEnumType):
            return self.data.draw(st.sampled_from(list(type_.wrapped_cls)))
        if is_leaf_type(type_):
            return self.data.draw(LEAVES[type_.name])
        if not isinstance(type_, GraphQLObjectType):
            type_ = self.data.draw(likely(CORE.get_possible_types(type_)))
        definition = type_.extensions["strawberry-definition"]
        made = SimpleNamespace() if self.odds and self.one_in(self.odds) else object.__new__(definition.origin)
        for field in definition.fields:
            known = type_.fields[WEB.config.name_converter.from_field(field)]
            if field.is_basic_field and (not self.odds or not self.one_in(99)):
                setattr(made, field.python_name, self.of(known.type))
        return made


class Selection:
    """Writes selections: some fields, some twice, some under other names, in fragments within fragments."""

    def __init__(self, data):
        self.data, self.aliases, self.fragments = data, 0, []

    def of(self, type_, depth=0):
        while isinstance(type_, GraphQLNonNull | GraphQLList):
            type_ = type_.of_type
        if is_leaf_type(type_):
            return ""
        parts = ["__typename"]
        if not isinstance(type_, GraphQLObjectType):
            members = self.data.draw(st.lists(likely(CORE.get_possible_types(type_)), min_size=1, max_size=3))
            parts += [f"... on {member.name} {self.of(member, depth)}" for member in members]
        for name, field in getattr(type_, "fields", {}).items():
            if field.args or depth > 5:
                continue
            for _ in range(self.data.draw(st.sampled_from((0, 1, 1, 1, 2)))):
                parts.append(f"{name} {self.of(field.type, depth + 1)}")
            if self.data.draw(st.integers(0, 5)) == 1:
                self.aliases += 1
                parts.append(f"a{self.aliases}: {name} {self.of(field.type, depth + 1)}")
        if self.data.draw(st.integers(0, 5)) == 1 and len(parts) > 1:
            self.fragments.append(f"fragment F{len(self.fragments)} on {type_.name} {{ {' '.join(parts)} }}")
            parts = [f"...F{len(self.fragments) - 1}"]
        return "{ " + " ".join(parts) + " }"


def answered(document, plans, kind, name, value, **variables):
    """What comes of the operation, as data and errors."""

    async def resolve(_source, _info, **_arguments):
        return value

    field = ROOTS[kind].fields[name]
    before, arguments, field.resolve, field.args = field.resolve, field.args, resolve, {}
    try:

        async def run():
            told = _execute(CORE, document, variable_values=variables, executor_class=Executor, plans=plans)
            return await told if asyncio.iscoroutine(told) else told

        told = asyncio.run(run())
    finally:
        field.resolve, field.args = before, arguments
    return told.data, sorted(str(error.formatted) for error in told.errors or ())


@pytest.mark.parametrize("odds", [0, 40])
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_plan_writes_what_graphql_core_writes(odds, data):
    kind, name = data.draw(st.sampled_from([*FIELDS, *[("query", "status")] * 9, *[("query", "officerCases")] * 9]))
    type_ = ROOTS[kind].fields[name].type
    selection = Selection(data)
    chosen = selection.of(type_)
    text = f"{kind} {{ {name} {chosen} }} " + " ".join(selection.fragments)
    document = parse(text)
    value = Value(data, odds).of(type_)
    assert answered(document, Plans(text), kind, name, value) == answered(document, Plans("@"), kind, name, value)


def test_a_directive_chooses_anew_for_every_request():
    text = "query Q($yes: Boolean!) { me { staff { person } draft { id @include(if: $yes) expiresAt } } }"
    document, plans = parse(text), Plans(text)
    me = Me(draft=DraftView(id=UUID(int=1), expires_at=datetime(2026, 1, 2, tzinfo=UTC)), staff=None)
    for yes in (True, False, True):
        told, errors = answered(document, plans, "query", "me", me, yes=yes)
        assert not errors
        assert ("id" in told["me"]["draft"]) is yes


def test_every_published_answer_is_written_by_plan():
    """All but the answers that hold an interface, or a field with a resolver of its own."""
    planned, others = set(), set()
    for file in sorted(OPERATIONS.glob("*.graphql")):
        text = file.read_text(encoding="utf-8")
        document = parse(text)
        [operation] = [each for each in document.definitions if each.kind == "operation_definition"]
        [field] = operation.selection_set.selections
        kind, name, plans = operation.operation.value, field.name.value, Plans(text)
        answered(document, plans, kind, name, None)
        (planned if all(plans._kept.values()) else others).add(file.stem)
    assert {"Status", "RegisterApplication", "OfficerCases", "Case", "Call"} <= planned
    assert others <= {"Node"}, others


class Sent:
    """Makes what a client may send as an input."""

    def __init__(self, data):
        self.data = data

    def of(self, type_):
        if isinstance(type_, GraphQLNonNull):
            return self.given(type_.of_type)
        return None if self.data.draw(st.booleans()) else self.given(type_)

    def given(self, type_):
        if isinstance(type_, GraphQLList):
            return [self.of(type_.of_type) for _ in range(self.data.draw(st.integers(0, 3)))]
        if isinstance(type_, GraphQLInputObjectType):
            needed = {name for name, field in type_.fields.items() if isinstance(field.type, GraphQLNonNull)}
            needed -= {name for name, field in type_.fields.items() if field.default is not None}
            return {
                name: self.of(field.type)
                for name, field in type_.fields.items()
                if name in needed or self.data.draw(st.booleans())
            }
        if isinstance(type_, CustomGraphQLEnumType):
            return self.data.draw(st.sampled_from(list(type_.values)))
        value = self.data.draw(LEAVES[type_.name] if type_.name != "Int" else st.integers(0, 9))
        return (
            value.isoformat() if isinstance(value, date | datetime) else str(value) if type_.name == "UUID" else value
        )


def inputs():
    """Every input of every command, and what Strawberry calls it."""
    for root in (WEB._schema.mutation_type, WEB._schema.query_type):
        for name, field in root.fields.items():
            for argument in field.extensions["strawberry-definition"].arguments:
                sent = WEB.config.name_converter.from_argument(argument)
                yield f"{name}.{sent}", field.args[sent].type, argument.type


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_input_is_read_as_strawberry_reads_it(data):
    _, type_, declared = data.draw(st.sampled_from(list(inputs())))
    coerced = coerce_input_value(Sent(data).of(type_), type_)
    assert coerced is not Undefined
    ours = convert_argument(coerced, declared, WEB.schema_converter.scalar_registry, WEB.config)
    hooks = [
        known.definition for known in WEB.schema_converter.type_map.values() if hasattr(known.definition, "is_input")
    ]
    kept = {id(one): (one, one.from_input) for one in hooks}
    try:
        for one in hooks:
            one.from_input = None
        theirs = convert_argument(coerced, declared, WEB.schema_converter.scalar_registry, WEB.config)
    finally:
        for one, hook in kept.values():
            one.from_input = hook
    assert type(ours) is type(theirs)
    assert ours == theirs


class SentOddly(Sent):
    """Makes what a client may send in error, too: other values, members too few or too many."""

    def of(self, type_):
        chance = self.data.draw(st.integers(0, 40))
        if chance == 1:
            return self.data.draw(ODD)
        made = super().of(type_)
        if chance == 2 and isinstance(made, dict):
            made["member"] = 1
        if chance == 3 and isinstance(made, dict) and made:
            made.pop(self.data.draw(st.sampled_from(sorted(made))))
        return made


@pytest.mark.parametrize("sent", [Sent, SentOddly])
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_variable_is_made_as_graphql_core_makes_it(sent, data):
    place, type_, _ = data.draw(st.sampled_from(list(inputs())))
    written = f"query Q($one: {type_}, $two: {str(type_).rstrip('!')}) {{ __typename }}"
    [operation] = parse(written).definitions
    variables = {name: sent(data).of(type_) for name in ("one", "two") if data.draw(st.integers(0, 9))}
    ours = Variables(CORE, operation).of(variables)
    theirs = get_variable_values(CORE, operation.variable_definitions, variables)
    if sent is Sent and "one" in variables:
        assert ours is not None, place
    if ours is not None:
        assert ours.coerced == theirs.coerced
        assert repr(ours) == repr(theirs)


def test_a_default_of_the_document_and_a_list_of_one_are_left_to_graphql_core():
    [operation] = parse("query Q($a: Int = 3, $b: [Int!]) { __typename }").definitions
    assert Variables(CORE, operation).of({"b": [1]}) is None
    [operation] = parse("query Q($b: [Int!]) { __typename }").definitions
    assert Variables(CORE, operation).of({"b": 1}) is None
    assert Variables(CORE, operation).of({"b": [1]}).coerced == {"b": [1]}
