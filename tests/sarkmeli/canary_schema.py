"""What schema.graphql takes from outside: every text in it, and questions with a canary in each."""

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    build_schema,
    get_named_type,
    is_list_type,
    is_non_null_type,
)
from running_office import ROOT

SCHEMA = build_schema((ROOT / "schema.graphql").read_text())
TEXTS = ("String", "ID")
OTHERS = {
    "UUID": "01a20000-0000-7000-8000-000000000001",
    "Boolean": True,
    "Int": 1,
    "Float": 1.0,
    "Date": "1907-11-29",
    "DateTime": "1907-11-29T00:00:00Z",
}
"""A value of each scalar that can hold no word."""
SHOWN_NOT_TOLD = {
    "code": "a secret, or part of a pair that is looked up",
    "number": "as above",
    "caseNumber": "as above",
    "ticket": "ours, given back",
    "token": "as above",
    "draft": "as above",
    "atLeast": "as above",
    "after": "as above",
    "id": "as above",
    "version": "of a published text, or refused",
    "consent": "as above",
    "officer": "a claim of the staff's, or refused",
    "oneTimeCode": "a secret",
    "near": "looked up in a list, or refused",
    "country": "a code of a country, or refused",
    "issuer": "as above",
    "citizenships": "as above",
}
"""Fields whose texts are compared and never kept as they came, but for those in `KEPT`."""
KEPT = {"IdentityDocumentInput.number"}


def fields():
    """Every field of Query and Mutation: (operation, field's name, definition)."""
    for operation, root in (("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type)):
        for name, field in root.fields.items():
            yield operation, name, field


def told_in(asked, variables):
    """(place, text) of each text that the variables of the field ``asked`` hold."""
    for name, value in variables.items():
        yield from _texts(asked.args[name].type, value, name)


def field_of(published):
    """The field that a published operation asks for."""
    return next(field for _, name, field in fields() if name.lower() == published.lower())


def places():
    """Every place where a word may be told that is kept, as ``field.argument`` or ``Input.field``."""
    found = set()
    for _, _, field in fields():
        filled = {name: _filled(each.type, lambda: "word") for name, each in field.args.items()}
        found |= {place for place, _ in told_in(field, filled)}
    return {place for place in found if place.rsplit(".", 1)[-1] not in SHOWN_NOT_TOLD or place in KEPT}


def questions(word):
    """(document, variables) that ask for each field once with ``word()`` in every text that it takes."""
    for operation, name, field in fields():
        variables = {arg: _filled(each.type, word) for arg, each in field.args.items()}
        declared = ", ".join(f"${arg}: {each.type}" for arg, each in field.args.items())
        given = ", ".join(f"{arg}: ${arg}" for arg in field.args)
        head = f"{operation}({declared})" if declared else operation
        yield f"{head} {{ {name}{f'({given})' if given else ''} {{ __typename }} }}", variables


def _filled(kind, word):
    if is_non_null_type(kind):
        return _filled(kind.of_type, word)
    if is_list_type(kind):
        return [_filled(kind.of_type, word)]
    if isinstance(kind, GraphQLInputObjectType):
        return {name: _filled(field.type, word) for name, field in kind.fields.items() if name != "commandId"}
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    return word() if kind.name in TEXTS else OTHERS[kind.name]


def _texts(kind, value, place):
    if value is None:
        return
    if is_non_null_type(kind):
        yield from _texts(kind.of_type, value, place)
    elif is_list_type(kind):
        for each in value:
            yield from _texts(kind.of_type, each, place)
    elif isinstance(kind, GraphQLInputObjectType):
        for name, field in kind.fields.items():
            if name in value:
                yield from _texts(field.type, value[name], f"{kind.name}.{name}")
    elif get_named_type(kind).name in TEXTS:
        yield place, value
