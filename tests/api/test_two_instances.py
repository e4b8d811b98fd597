"""A call whose sides came to different processes of the API; what passes between them stands nowhere in clear."""

import base64
import itertools
import json
from contextlib import contextmanager, suppress

import psycopg
import pytest
from neighbours import free_port
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from window import keyed, registered, served

from api import switchboard
from api.app import create_app
from api.exchange import Exchange
from sarkmeli.house import open_house

CANARY = "192.0.2.77"
LONG = {"type": "offer", "sdp": "v=0 " + "ა" * 20_000}
"""More than seven notifications' worth, and below the 64 KiB that one message may have."""


@pytest.fixture
def second(at):
    """The port of another instance of the same office."""
    port = free_port()
    here = at.house.settings.model_copy(update={"port": port})
    with open_house(here) as house, served(create_app(house.ports), port):
        yield port


@pytest.fixture
def called(at):
    """A call that an operator has claimed: its id, the applicant's ticket, the operator's token, how to leave."""
    client, answer = registered(at)
    consent = client.ask("Office")["bar"]["consent"]
    entered = client.do("EnterBar", **keyed(answer), consent=consent, camera=True, microphone=True)
    desk = at.staff("operator-1")
    assert desk.do("ClaimNextCall")["call"] == entered["call"]
    yield entered["call"], entered["ticket"], desk
    with suppress(AssertionError):
        desk.do("RefuseReception", call=entered["call"], ground="IDENTITY_DOUBT", reasons="Another face.")


def heard(socket, kind, **more):
    """The next message of this kind that also says this; everything before it is passed over."""
    while True:
        message = json.loads(socket.recv(20))
        if message.get("type") == kind and all(message.get(name) == value for name, value in more.items()):
            return message


@contextmanager
def sides(first, second, call, ticket, desk):
    """The applicant at one port, the operator at another, both told that they are connected."""
    bearer = {"Authorization": f"Bearer {desk.token}"}
    with connect(f"ws://127.0.0.1:{first}/videobar/calls/{call}") as applicant:
        applicant.send(json.dumps({"ticket": ticket}))
        heard(applicant, "present", sides=["APPLICANT"])
        with connect(f"ws://127.0.0.1:{second}/videobar/calls/{call}", additional_headers=bearer) as operator:
            assert heard(applicant, "connected")["token"] == heard(operator, "connected")["token"]
            yield applicant, operator


def test_they_meet_and_everything_arrives_in_order_both_ways(at, second, called):
    first = at.house.settings.port
    with (
        psycopg.connect(at.house.settings.ledger_conninfo, autocommit=True) as eavesdropper,
        sides(first, second, *called) as (applicant, operator),
    ):
        eavesdropper.execute("LISTEN signalling")
        for speaker, listener in ((applicant, operator), (operator, applicant)):
            said = [{"type": "ice", "n": n, "candidate": f"udp {CANARY} {n}"} for n in range(40)]
            said.insert(20, LONG)
            for message in said:
                speaker.send(json.dumps(message, ensure_ascii=False))
            assert [heard(listener, message["type"]) for message in said] == said
        noticed = [each.payload for each in eavesdropper.notifies(timeout=20, stop_after=80)]
        assert len(noticed) >= 80
        assert all(len(payload.encode()) < 8000 for payload in noticed)
        pieces = {}
        for _, _, id, _, _, piece in (payload.split(" ") for payload in noticed):
            pieces[id] = pieces.get(id, "") + piece
        told = b"".join(base64.b64decode(text) for text in pieces.values()) + "".join(noticed).encode()
        assert not [word for word in (CANARY, "candidate", "offer", "ა") if word.encode() in told]
    with psycopg.connect(at.house.settings.ledger_conninfo) as db:
        connected = "SELECT count(*) FROM ledger.event WHERE topic = 'videobar.Call.Connected' AND recorded_at > now()"
        assert db.execute(f"{connected} - interval '1 hour'").fetchone()[0] % 2 == 0, "each side once"


def test_who_comes_again_elsewhere_takes_the_place_and_who_goes_is_missed(at, second, called):
    first = at.house.settings.port
    call, ticket, _ = called
    with sides(first, second, *called) as (applicant, operator):
        with connect(f"ws://127.0.0.1:{second}/videobar/calls/{call}") as again:
            again.send(json.dumps({"ticket": ticket}))
            heard(again, "connected")
            with pytest.raises(ConnectionClosed):
                heard(applicant, "never")
            again.send(json.dumps({"type": "ice", "n": 1}))
            heard(operator, "ice", n=1)
        heard(operator, "present", sides=["OPERATOR"])


def test_whose_other_side_may_have_missed_something_is_sent_to_come_again(at, second, called):
    """The connection on which the processes hear each other breaks."""
    with sides(at.house.settings.port, second, *called) as (applicant, operator):
        with psycopg.connect(at.house.settings.ledger_conninfo, autocommit=True) as db:
            deaf = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN signalling'"
            assert len(db.execute(f"{deaf} AND pid <> pg_backend_pid()").fetchall()) == 2
        for side in (applicant, operator):
            with pytest.raises(ConnectionClosed) as closed:
                heard(side, "never")
            assert closed.value.rcvd.code == 1012


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_what_was_missed_between_them_is_made_good(at, second, called, monkeypatch, lost):
    """Whichever of the first notifications never arrives: a process was just starting, or its database was."""
    sent = itertools.count()
    tell = Exchange.tell

    def lossy(exchange, *said):
        if next(sent) != lost:
            tell(exchange, *said)

    monkeypatch.setattr(switchboard, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(Exchange, "tell", lossy)
    with sides(at.house.settings.port, second, *called) as (applicant, operator):
        applicant.send(json.dumps({"type": "ice", "n": 1}))
        heard(operator, "ice", n=1)


def test_a_message_too_long_is_not_read_to_its_end(at, called):
    call, ticket, _ = called
    with connect(f"ws://127.0.0.1:{at.house.settings.port}/videobar/calls/{call}") as applicant:
        applicant.send(json.dumps({"ticket": ticket}))
        heard(applicant, "present")
        with suppress(ConnectionClosed):
            applicant.send(["[" + " " * 100_000, *(" " * 100_000 for _ in range(50)), "]"])
        with pytest.raises(ConnectionClosed) as closed:
            heard(applicant, "never")
        end = closed.value.rcvd  # none if the connection was reset while we were still sending
        assert end is None or end.code == 1009
