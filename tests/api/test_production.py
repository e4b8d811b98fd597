"""In production: published documents only for whoever has no staff token, and not a word of the schema."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from neighbours import HTTP, free_port
from window import OPERATIONS, served

from api.app import create_app
from api.documents import TrustedDocuments
from gateways.sign_in import ProviderSettings, RelyingParty


@pytest.fixture(scope="module")
def closed(at):
    """The same house in production."""
    with in_production(at) as url:
        yield url


@contextmanager
def in_production(at, **changed):
    port = free_port()
    ports = at.house.ports
    with served(create_app(replace(ports, facts=replace(ports.facts, production=True), **changed)), port):
        yield f"http://127.0.0.1:{port}"


def asked(closed, body, **headers):
    return HTTP.post(f"{closed}/graphql", json=body, headers=headers)


STATUS = {"number": "1234567897", "code": "x"}


def test_published_documents_run_by_text_or_by_id(at, closed):
    trusted = TrustedDocuments.read()
    status = next(each for each in trusted.operations if each.name == "Status")
    for body in ({"query": status.text}, {"query": f"\n{status.text}\n"}, {"documentId": status.id}):
        answer = asked(closed, {**body, "variables": STATUS}, **{"X-Forwarded-For": at.client().address})
        assert answer.json()["data"]["status"]["code"] == "WRONG_NUMBER_OR_CODE"
    assert len(trusted.operations) == len(list(OPERATIONS.iterdir()))


def test_other_documents_are_for_staff_programs(at, closed):
    free = {"query": "{ me { staff { roles } } }"}
    for headers in (
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": "Bearer a.b.c"},
        {"Cookie": "__Host-session=x", "Origin": at.house.settings.url, "X-Sarkmeli": "1"},
    ):
        answer = asked(closed, free, **headers)
        assert answer.status_code == 400
        assert "publishes" in answer.json()["errors"][0]["message"]
    assert asked(closed, {"documentId": "sha256:00"}).status_code == 400
    staff = asked(closed, free, Authorization=f"Bearer {at.staff('chief').token}")
    assert staff.json()["data"]["me"]["staff"]["roles"] == ["CHIEF"]


def test_while_the_provider_is_away_a_program_is_told_to_come_again(at):
    nowhere = f"http://127.0.0.1:{free_port()}"
    provider = RelyingParty(ProviderSettings(nowhere, "office", "secret", f"{nowhere}/back", "office"))
    with in_production(at, sign_in=provider) as url:
        answer = asked(url, {"query": "{ __typename }"}, Authorization=f"Bearer {at.staff('chief').token}")
    provider.close()
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


def test_nothing_of_the_schema_is_told(at, closed):
    chief = {"Authorization": f"Bearer {at.staff('chief').token}"}
    for query in (
        "{ __schema { types { name } } }",
        '{ __type(name: "Query") { name } }',
        "{ offic { name } }",
        "{ status(numbr: 1) { __typename } }",
        "{ officerCases(states: [IN_TERMS]) { __typename } }",
        "mutation { decide(input: {}) { __typename } }",
        "{ me { ... on Payment { id } } }",
        "query A($a: UUIDD) { me { __typename } }",
        "query A($a: DecideInput!) { me { __typename } }",
    ):
        answer = asked(closed, {"query": query}, **chief)
        assert answer.status_code == 400
        for word in ("Did you mean", "office", "number", "IN_TERM", "case", "UUID", "Decide", "Query", "Payment", "Me"):
            assert word not in answer.text.replace("Did you", "Did you"), (query, answer.text)


def test_the_stranger_pages_are_off(closed):
    for path in ("/start", "/graphiql", "/start/start.js", "/docs"):
        assert HTTP.get(f"{closed}{path}").status_code == 404
