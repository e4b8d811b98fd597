"""Whatever text is put into a field of the taxpayer service, the answer is a typed one."""

import itertools
from uuid import uuid4

import pytest
from canary_schema import SCHEMA
from graphql import GraphQLEnumType, GraphQLInputObjectType, get_named_type, is_list_type, is_non_null_type
from taxpayers import begun, form

FIELDS = (
    "requestMobileCode", "confirmMobile", "registerTaxpayer", "usernameFree", "sendActivationLink", "enterBar",
    "openActivationLink", "activateByLink", "disownRegistration", "status", "centres", "signIn", "changePassword",
)  # fmt: skip
CONSULTANTS = ("sendReadOutCode", "clarifyUsername", "registrationAtCentre", "activateAtCentre", "recordChecks")
NASTY = {
    "nothing": "",
    "a blank": " ",
    "long": "ა" * 3_000,
    "another way round": "\u202enino\u202c",
    "digits of another script": "٠١٠٠٨٠١٢٣٤٥",
    "wide digits": "０１００８０１２３４５",
    "markup": "<script>alert(1)</script>",
    "SQL": "'; DROP TABLE ledger.event; --",
    "a zero width joiner": "ni\u200dno-2026",
    "combining": "n" + "\u0301" * 5_000,
    "a family": "👩‍👩‍👧‍👦" * 3,
    "line ends": "a\r\nB: c\n\n",
    "unassigned": "\U000e0fff\uffff",
    "a template": "{{ 7 * 7 }} %s {0}",
}


def filled(kind, text):
    if is_non_null_type(kind):
        return filled(kind.of_type, text)
    if is_list_type(kind):
        return [filled(kind.of_type, text)]
    if isinstance(kind, GraphQLInputObjectType):
        return {name: filled(field.type, text) for name, field in kind.fields.items() if name != "commandId"}
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    return {"UUID": str(uuid4()), "Boolean": True}.get(get_named_type(kind).name, text)


def arguments(name, text):
    field = SCHEMA.query_type.fields.get(name) or SCHEMA.mutation_type.fields[name]
    return {each: filled(argument.type, text) for each, argument in field.args.items()}


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_nasty_texts_are_answered_by_type(at, text):
    client, consultant = at.client(language="ka"), at.staff("consultant")
    client.token = client.do("OpenDraft", bearer=True)["token"]
    for name, who in (*((name, client) for name in FIELDS), *((name, consultant) for name in CONSULTANTS)):
        answer = who.ask(name[0].upper() + name[1:], **arguments(name, text))
        assert answer["__typename"], name


def test_nothing_that_can_be_typed_into_a_form_breaks_it(at):
    client, confirmed = begun(at)
    for field, text in itertools.product(("username", "identification", "mobile", "email"), NASTY.values()):
        told = client.ask("RegisterTaxpayer", input={"form": form(confirmed, **{field: text})})
        if told["code"] == "TOO_MANY_TRIES":
            client.address = at.client().address
            told = client.ask("RegisterTaxpayer", input={"form": form(confirmed, **{field: text})})
        assert told["code"] == "FORM_REFUSED", (field, text[:40])
        assert {fault["field"] for fault in told["faults"]} == {field}, (field, text[:40])
