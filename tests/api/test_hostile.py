"""What an attacker may send: each a clean 4xx; what would hang runs into the test's time-out."""

import json
from contextlib import ExitStack
from functools import partial
from uuid import uuid4

import anyio
import pytest
from graphql import build_schema as parsed_schema
from graphql import parse, specified_rules, validate
from neighbours import HTTP
from starlette.requests import Request
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from window import OPERATIONS, keyed, registered

from api.endpoint import read_body
from api.limits import Limits, Measuring
from api.schema import build_schema, sdl
from api.strict_json import Malformed, read_object
from api.switchboard import PER_PLACE_AT_THE_DOOR

STATUS = "query S($number: String!, $code: String!) { status(number: $number, code: $code) { __typename } }"
ME = "{ me { draft { id } } }"


def status_with(value):
    """A request whose number is this raw JSON."""
    return b'{"query": %s, "variables": {"number": %s, "code": "x"}}' % (json.dumps(STATUS).encode(), value)


NESTED = b"[" * 5_000 + b"]" * 5_000


def query(text):
    """A request with this document."""
    return json.dumps({"query": text}).encode()


MALFORMED = {
    "nothing": b"",
    "null": b"null",
    "a number": b"1",
    "a list, as batches are": json.dumps([{"query": ME}]).encode(),
    "no query": b"{}",
    "an empty query": b'{"query": ""}',
    "a null query": b'{"query": null}',
    "a query that is a list": b'{"query": []}',
    "variables that are a list": json.dumps({"query": ME, "variables": []}).encode(),
    "variables that are a text": json.dumps({"query": ME, "variables": "{}"}).encode(),
    "an operation name that is a number": json.dumps({"query": ME, "operationName": 1}).encode(),
    "a member that no request has": json.dumps({"query": ME, "map": {}}).encode(),
    "half of it": b'{"query": "',
    "other encodings": json.dumps({"query": ME}).encode("utf-16"),
    "broken UTF-8": b'{"query": "\xff"}',
    "a lone surrogate": status_with(b'"\\ud800"'),
    "a lone surrogate in a name": b'{"query": "{ me { draft { id } } }", "variables": {"\\udfff": 1}}',
    "NUL": status_with(b'"a\\u0000b"'),
    "5,000 digits": status_with(b"1" * 5_000),
    "5,000 digits and a fraction": status_with(b"1" * 5_000 + b".5"),
    "not a number": status_with(b"NaN"),
    "infinity": status_with(b"-Infinity"),
    "deep variables": status_with(NESTED),
    "deep and never closed": b'{"query": "{me}", "variables": ' + b'{"a":' * 40_000,
    "200,000 members": status_with(b"[" + b"1," * 60_000 + b"1]"),
    "a field that is not there": query("{ statuz }"),
    "an unknown operation": json.dumps({"query": ME, "operationName": "Other"}).encode(),
    "two operations, none named": query("query A { __typename } query B { __typename }"),
    "a subscription": query("subscription { me }"),
    "a schema definition": query("type A { b: Int }"),
    "NUL in a literal": query('{ status(number: "\\u0000", code: "") { __typename } }'),
    "an endless number in a literal": query("{ officerCases(first: %s) { __typename } }" % ("9" * 5000)),
    "a fragment within itself": query("{ ...A } fragment A on Query { ...A }"),
    "deep selections": query("{" + "me{" * 400 + "}" * 400 + "}"),
    "deep lists in a literal": query("{ caseEvents(number: %s) { __typename } }" % ("[" * 700 + "]" * 700)),
    "5,000 aliases": query("{" + "".join(f"a{n}: __typename " for n in range(5_000)) + "}"),
    "100 aliases": query("{" + "".join(f"a{n}: __typename " for n in range(100)) + "}"),
    "100 look-ups at once": query(
        "{" + "".join(f'a{n}: status(number: "1", code: "2") {{ __typename }} ' for n in range(100)) + "}"
    ),
    "directives by the thousand": query("{ me " + "@skip(if: false) " * 2_000 + "{ draft { id } } }"),
    "a wrong type": status_with(b"{}"),
    "a variable that is missing": json.dumps({"query": STATUS, "variables": {"number": "1"}}).encode(),
}  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_requests_are_answered_400(at, body):
    answer = at.post(body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert "data" not in answer.json()


SECRET = "Kidev-Axali-2027"
CHANGE = "mutation C($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }"
REST = {"currentPassword": SECRET, "repeatedPassword": SECRET}


def holding(text):
    """A request with the secret in its document."""
    return {"query": text.replace("SECRET", SECRET)}


def misfit(given, query=CHANGE, name="input"):
    """A request with this variable."""
    return {"query": query, "variables": {name: given}}


MISFITS = {
    "a misnamed field": (misfit({**REST, "pasword": SECRET}), "with password, with no field but commandId"),
    "a field too many": (misfit({**REST, "password": SECRET, "name": SECRET}), "with no field but commandId"),
    "a list for a text": (misfit({**REST, "password": [SECRET]}), "$input does not fit at password: expected String!."),
    "null for a text": (misfit({**REST, "password": None}), "$input does not fit at password: expected String!."),
    "no identifier": (
        misfit({**REST, "password": SECRET, "commandId": SECRET}),
        "$input does not fit at commandId: expected UUID.",
    ),
    "no object": (misfit(SECRET), "$input does not fit: expected ChangePasswordInput!."),
    "a name that is the secret": (misfit({**REST, "password": SECRET, SECRET: 1}), "with no field but commandId"),
    "another variable": (misfit(SECRET, name="other"), "$input is missing: expected ChangePasswordInput!."),
    "no number, with a default": (
        misfit(SECRET, "query Q($first: Int = 5) { officerCases(first: $first) { __typename } }", "first"),
        "$first does not fit: expected Int.",
    ),
    "a misnamed field in the document": (
        holding('mutation { changePassword(input: {currentPassword: "SECRET", pasword: "SECRET"}) { __typename } }'),
        "with password, repeatedPassword, with no field but commandId",
    ),
    "a text for a number in the document": (
        holding('{ officerCases(first: "SECRET") { __typename } }'),
        "A value does not fit: expected Int.",
    ),
    "no quotes around a text": (
        holding("mutation { changePassword(input: {password: Kidev27}) { __typename } }"),
        "A value does not fit at password: expected String!.",
    ),
    "a wrong default": (
        holding('query Q($first: Int = "SECRET") { officerCases(first: $first) { __typename } }'),
        "A value does not fit: expected Int.",
    ),
    "a text where a name stands": (holding('{ me { "SECRET" } }'), "Expected Name."),
    "a text that follows a text": (
        holding('mutation { changePassword(input: {password: "a" "SECRET"}) { __typename } }'),
        "Expected Name.",
    ),
    "a wrong escape": (holding('{ me(a: "\\u{SECRET}") }'), "cannot be read from here on."),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), MISFITS.values(), ids=MISFITS)
def test_no_error_repeats_what_was_sent(at, body, expected):
    """A proxy or a client logs errors; a password in a misnamed field would stand there."""
    answer = at.post(body)
    assert answer.status_code == 400
    said = " ".join(error["message"] for error in answer.json()["errors"])
    assert expected in said
    for part in SECRET.split("-"):
        assert part not in answer.text, said


def test_only_json_by_post(at):
    url = f"{at.url}/graphql"
    assert HTTP.get(url, params={"query": ME}).status_code == 405
    assert HTTP.put(url, json={"query": ME}).status_code == 405
    assert HTTP.post(url, data={"query": ME}).status_code == 415
    assert HTTP.post(url, content=ME, headers={"Content-Type": "application/graphql"}).status_code == 415
    assert HTTP.post(url, files={"operations": json.dumps({"query": ME})}).status_code == 415
    assert at.post(b'{"query": "' + b" " * 300_000 + b'"}').status_code == 413
    assert at.post({"query": ME}).status_code == 200


def test_a_body_that_does_not_come_is_not_waited_for():
    async def goes_away():
        return {"type": "http.disconnect"}

    for receive, status in ((anyio.sleep_forever, 408), (goes_away, 400)):
        request = Request({"type": "http", "method": "POST", "headers": []}, receive)
        with pytest.raises(Malformed) as refused:
            anyio.run(partial(read_body, request, 10, seconds=0.01))
        assert refused.value.status == status


def test_addresses_that_no_parser_likes_are_answered(at):
    for path in (
        "/sign-in?return=//[",
        "/sign-in?return=%00",
        "/bank/return?order=%00",
        "/pay/%00",
        "/start?language=%00",
    ):
        assert HTTP.get(f"{at.url}{path}", follow_redirects=False).status_code < 500, path


def test_who_never_says_whose_they_are_does_not_fill_the_signalling_door(at):
    def line(address):
        there = f"ws://127.0.0.1:{at.house.settings.port}/videobar/calls/{uuid4()}"
        return connect(there, additional_headers={"X-Forwarded-For": address})

    with ExitStack() as silent:
        for _ in range(PER_PLACE_AT_THE_DOOR):
            silent.enter_context(line("2001:db8:d00f::1"))
        with pytest.raises(InvalidStatus):
            line("2001:db8:d00f::2").__enter__()
        with line("2001:db8:d00e::1") as other:
            other.send("{}")
            assert json.loads(other.recv(10))["code"] == "LINK_REFUSED"


def nested_fragments(depth):
    """Each fragment spreads the next one twice, through a field."""
    body = "".join(f"fragment F{n} on Me {{ ...F{n + 1} ...F{n + 1} }} " for n in range(depth))
    return "{ me { ...F0 } } " + body + f"fragment F{depth} on Me {{ draft {{ id }} }}"


def test_nested_fragments_are_measured_once_each(at):
    answer = at.post({"query": nested_fragments(60)})
    assert answer.status_code == 400
    assert "too much" in answer.text
    assert at.post({"query": nested_fragments(3)}).status_code == 200


def test_limits_count_what_fragments_bring():
    query = "{ ...A ...B } fragment A on Query { a: me { ...C } } fragment B on Query { b: me { ...C } }"
    query += " fragment C on Me { draft { i: id } staff { n: name } }"
    measuring = Measuring({each.name.value: each for each in parse(query).definitions[1:]})
    measure = measuring.selection(parse(query).definitions[0].selection_set)
    assert (measure.depth, measure.cost, measure.aliases) == (3, 10, 6)
    assert measuring.roots(parse(query).definitions[0].selection_set) == 2


def test_introspection_that_feeds_on_itself_is_refused(at):
    deep = "{ __schema { types { " + "fields { type { " * 5 + "name" + " } }" * 5 + " } } }"
    assert at.post({"query": deep}).status_code == 400


def test_every_published_operation_fits_the_schema_and_the_limits():
    schema = parsed_schema(sdl())
    for file in OPERATIONS.iterdir():
        assert validate(schema, parse(file.read_text()), [*specified_rules, Limits]) == [], file.name


def test_a_bug_is_told_by_a_reference_and_logged_without_values(at, monkeypatch, capsys, caplog):
    _, answer = registered(at)

    def broken(*_):
        raise RuntimeError(f"the code is {answer['code']}")

    monkeypatch.setattr(at.house.office, "find", broken)
    told = at.client().send("Status", **keyed(answer))
    assert told.status_code == 500
    assert told.json()["errors"][0]["extensions"]["code"] == "FAILED"
    seen = capsys.readouterr()
    assert answer["code"] not in told.text + seen.out + seen.err + caplog.text
    assert "broken" in seen.out + seen.err


def test_production_tells_nobody_of_the_schema():
    schema = build_schema(closed=True)
    told = schema.execute_sync("{ __schema { types { name } } }")
    assert told.data is None
    assert all("introspection" in error.message for error in told.errors)


def test_strict_json_takes_what_is_fine():
    assert read_object('{"a": [1, 2.5, "ქართული\\n", null, true]}'.encode()) == {"a": [1, 2.5, "ქართული\n", None, True]}
    with pytest.raises(Malformed):
        read_object(b'{"a": 1234567890123456789}')
