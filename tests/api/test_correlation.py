"""One id from a request to its answer, its events and what is logged of it; only a well-formed one is taken over."""

from uuid import UUID, uuid4

import pytest
import structlog
from neighbours import HTTP
from structlog.testing import capture_logs
from window import drafted

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NAMED = "0199f0c4-7e1a-7c3b-9a52-2f6b8f0a1c2d"

SAME = [
    ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, UUID(TRACE)),
    ({"X-Request-Id": NAMED}, UUID(NAMED)),
    ({"X-Request-Id": NAMED.replace("-", "").upper()}, UUID(NAMED)),
    ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "X-Request-Id": NAMED}, UUID(TRACE)),
]
OTHER = [
    {},
    {"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"},
    {"traceparent": f"00-{TRACE}-{'0' * 16}-01"},
    {"traceparent": f"ff-{TRACE}-00f067aa0ba902b7-01"},
    {"traceparent": TRACE},
    {"X-Request-Id": "Nino Maisuradze"},
    {"X-Request-Id": str(UUID(int=0))},
    {"X-Request-Id": f"{NAMED}, {NAMED}"},
]


@pytest.mark.parametrize(("headers", "named"), SAME)
def test_a_well_formed_id_comes_back(at, headers, named):
    assert UUID(HTTP.get(f"{at.url}/healthz", headers=headers).headers["X-Request-Id"]) == named


@pytest.mark.parametrize("headers", OTHER)
def test_any_other_gives_way_to_one_of_ours(at, headers):
    first, second = (UUID(HTTP.get(f"{at.url}/nowhere", headers=headers).headers["X-Request-Id"]) for _ in range(2))
    assert first.version == second.version == 7
    assert first != second


def test_a_commands_events_and_log_lines_bear_it(at, monkeypatch):
    """Threads that work for the request included; the next request on the same connection bears another."""
    with capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        client, asked = drafted(at)
        named = uuid4()
        monkeypatch.setattr(type(client), "headers", property(with_id(named)))
        registered = client.do("RegisterApplication", **asked)
        monkeypatch.undo()
        client.ask("Me")
    events = at.house.ledger.reader.stream(UUID(registered["case"]))
    assert {each.event.correlation for each in events} == {named}
    told = [line for line in lines if line.get("field") == "Mutation.registerApplication"]
    assert [(line["event"], line["correlation"]) for line in told] == [("answered", str(named))]
    assert [line for line in lines if line.get("field") == "Query.me" and line["correlation"] == str(named)] == []


def with_id(named):
    def headers(client):
        return {"Authorization": f"Bearer {client.token}", "X-Request-Id": str(named)}

    return headers
