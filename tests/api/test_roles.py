"""Roles × fields: every staff field is for exactly the roles that the table names."""

from uuid import uuid4

import pytest
from graphql import (
    build_schema,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)
from window import registered

from api.answers import LISTED
from api.roles import PUBLIC, STAFF_ONLY
from api.schema import sdl
from domain.people import STAFF, Role

ACCOUNTS = {
    Role.OPERATOR: "operator-1",
    Role.CONSULTANT: "consultant",
    Role.OFFICER: "officer-1",
    Role.CHIEF: "chief",
    Role.CASHIER: "cashier",
    Role.AUDITOR: "auditor",
    Role.DATA_PROTECTION: "data-protection-1",
    Role.ANALYST: "analyst",
}
CONTRACT = build_schema(sdl())
ROOTS = {"Query": CONTRACT.query_type, "Mutation": CONTRACT.mutation_type}
CALLERS = (*ACCOUNTS, None)


def some(kind):
    """Some value of an input type, null where it may be."""
    if not is_non_null_type(kind):
        return None
    kind = kind.of_type
    if is_list_type(kind):
        return []
    if is_enum_type(kind):
        return next(iter(kind.values))
    if is_input_object_type(kind):
        return {name: some(field.type) for name, field in kind.fields.items() if is_non_null_type(field.type)}
    return {"UUID": str(uuid4()), "ID": str(uuid4()), "Int": 1, "Boolean": True, "Date": "2020-01-01"}.get(
        kind.name, "x"
    )


def test_every_root_field_stands_in_the_table_or_is_public():
    served = {f"{root}.{name}" for root, kind in ROOTS.items() for name in kind.fields}
    assert served == set(STAFF_ONLY) | PUBLIC
    assert not set(STAFF_ONLY) & PUBLIC
    assert set(ACCOUNTS) == STAFF


@pytest.mark.parametrize("caller", CALLERS, ids=lambda role: role or "nobody")
@pytest.mark.parametrize("place", sorted(set(STAFF_ONLY) - {"Query.node"}))
def test_a_staff_field_is_for_its_roles(at, place, caller):
    root, name = place.split(".")
    client = at.staff(ACCOUNTS[caller]) if caller else at.client()
    arguments = {each: some(argument.type) for each, argument in ROOTS[root].fields[name].args.items()}
    answer = client.ask(name[0].upper() + name[1:], **arguments)
    code = answer.get("code")
    if caller is None:
        assert code == "SIGN_IN_REQUIRED"
    elif caller in STAFF_ONLY[place]:
        assert code not in {"SIGN_IN_REQUIRED", "NOT_ALLOWED"}
    else:
        assert code == "NOT_ALLOWED"


@pytest.mark.parametrize("caller", CALLERS, ids=lambda role: role or "nobody")
def test_node_is_for_its_roles(at, caller):
    _, answer = registered(at)
    auditor_sees = at.staff("officer-1").ask("Case", id=answer["case"], atLeast=answer["token"])
    client = at.staff(ACCOUNTS[caller]) if caller else at.client()
    node = client.ask("Node", id=answer["case"])
    assert (node is not None) == (caller in STAFF_ONLY["Query.node"])
    assert node is None or node["file"]["number"] == auditor_sees["file"]["number"]


def test_a_bad_token_is_nobodys(at):
    good = at.sandbox.token("officer-1")
    for token in ("x", "a.b.c", good[:-4] + "AAAA", "." * 5000, "é.é.é".encode("latin-1").decode("latin-1")):
        client = at.client(token)
        answer = at.post(
            {"query": "{ officerCases { ... on Refusal { code } } }"},
            Authorization=b"Bearer " + token.encode("latin-1"),
        )
        assert answer.json()["data"]["officerCases"]["code"] == "SIGN_IN_REQUIRED", client.token


def test_listed_refusals_are_those_of_the_union():
    for place, listed in LISTED.items():
        root, name = place.split(".")
        union = get_named_type(ROOTS[root].fields[name].type)
        names = [kind.name for kind in union.types]
        assert names[-len(listed) - 1 :] == [*(each.__name__ for each in listed), "Declined"]
