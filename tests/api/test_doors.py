"""The doors beside GraphQL: signalling, staff sign-in in a browser, the first pages, health."""

import json
import re
from time import monotonic
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
from neighbours import HTTP, free_port
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from window import form, keyed, met, registered, served

from api.app import create_app
from housekeeping import relay
from projections import partitions
from projections.all import MODELS
from projections.partitions import PartitionedSource
from projections.payments import PAYMENTS
from projections.status import STATUS
from projections.tracking import Place
from sarkmeli.house import open_house
from sarkmeli.mirroring import migrate_mirror


def entered_bar(at, client, answer):
    consent = client.ask("Office")["bar"]["consent"]
    return client.do("EnterBar", **keyed(answer), consent=consent, camera=True, microphone=True)


def line(at, call, **headers):
    return connect(f"ws://127.0.0.1:{at.house.settings.port}/videobar/calls/{call}", additional_headers=headers)


def told(socket, kind):
    """The next message of this kind."""
    while (message := json.loads(socket.recv(10)))["type"] != kind:
        pass
    return message


def test_verified_only_after_both_sides_met(at):
    client, answer = registered(at)
    entered = entered_bar(at, client, answer)
    assert client.ask("CallPlace", ticket=entered["ticket"])["call"] == entered["call"]
    desk = at.staff("operator-2")
    claimed = desk.do("ClaimNextCall")
    assert claimed["call"] == entered["call"]
    assert desk.do("ClaimNextCall")["call"] == entered["call"]
    shown = desk.ask("Call", id=entered["call"], atLeast=claimed["token"])
    assert (shown["registryAnswer"], shown["registry"]["surname"]) == ("FOUND", "მაისურაძე")
    assert {each["kind"]: each["suggested"] for each in shown["comparisons"]} == dict.fromkeys(
        ("SURNAME", "FIRST_NAME", "DOCUMENT_VALIDITY", "CITIZENSHIP"), "MATCHES"
    )
    assert at.staff("operator-1").ask("Call", id=entered["call"])["code"] == "NOT_YOUR_CALL"
    assert desk.refused("Verify", call=entered["call"]) == "NOT_CONNECTED"
    seen = met(at, entered, desk)
    assert seen["operator"][-1]["channel"] == seen["applicant"][-1]["channel"] == "SIGNALLING_ONLY"
    assert seen["passed on"] == {"sdp": "offer"}
    assert desk.refused("Verify", call=entered["call"]) == "CHECKS_INCOMPLETE"
    desk.do("RefuseReception", call=entered["call"], ground="IDENTITY_DOUBT", reasons="Another face.")
    with line(at, entered["call"]) as late:
        late.send(json.dumps({"ticket": entered["ticket"]}))
        assert told(late, "refused")["code"] == "LINK_REFUSED"


def test_nobody_takes_anothers_place_in_a_call(at):
    (one, first), (two, second) = registered(at), registered(at)
    mine, other = entered_bar(at, one, first), entered_bar(at, two, second)
    for said in ({"ticket": other["ticket"]}, {"ticket": "x"}, {"ticket": 1}, {}):
        with line(at, mine["call"]) as socket:
            socket.send(json.dumps(said))
            assert told(socket, "refused")["code"] == "LINK_REFUSED"
            with pytest.raises(ConnectionClosed):
                socket.recv(10)
    for said in ("[1]", "not json", "[" * 10_000, b"\x00\x01", '{"ticket": "\\ud800"}'):
        with line(at, mine["call"]) as socket:
            socket.send(said)
            assert told(socket, "refused")["code"] == "MALFORMED"
    for account in ("operator-1", "officer-1"):
        with line(at, mine["call"], Authorization=f"Bearer {at.staff(account).token}") as socket:
            assert told(socket, "refused")["code"] == "NOT_YOUR_CALL"
    with pytest.raises(InvalidStatus):
        line(at, mine["call"], Origin="https://evil.example").__enter__()
    for client, answer in ((one, first), (two, second)):
        client.do("LeaveBar", **keyed(answer))


@pytest.fixture
def browser(at):
    """A browser: keeps cookies over this machine's http as browsers do, and says its page's Origin."""
    with httpx.Client(trust_env=False, follow_redirects=False, timeout=20) as client:
        yield Browser(at, client)


class Browser:
    def __init__(self, at, client):
        self.at = at
        self.client = client
        self.cookies = {}

    def go(self, method, path, **request):
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        answer = self.client.request(
            method, f"{self.at.url}{path}", **{**request, "headers": {**headers, **request.get("headers", {})}}
        )
        for cookie in answer.headers.get_list("set-cookie"):
            name, _, rest = cookie.partition("=")
            value, _, attributes = rest.partition(";")
            assert "Secure" in attributes
            assert "HttpOnly" in attributes
            assert "Path=/" in attributes
            assert "Domain" not in attributes
            assert name.startswith("__Host-")
            self.cookies[name] = value.strip('"')
        return answer

    def sign_in(self, account):
        """To the provider and back; the query with which the provider sent the browser back."""
        there = self.go("GET", "/sign-in")
        asked = {name: value[0] for name, value in parse_qs(urlsplit(there.headers["location"]).query).items()}
        assert asked["code_challenge_method"] == "S256"
        url = there.headers["location"].split("?")[0].replace("localhost", "127.0.0.1")
        back = self.client.post(url, data={**asked, "account": account})
        assert back.status_code == 303, back.text
        return urlsplit(back.headers["location"]).query

    def me(self, **headers):
        body = {"query": "{ me { staff { person roles } } }"}
        return self.go("POST", "/graphql", json=body, headers=headers).json()["data"]["me"]["staff"]


def test_staff_sign_in_with_a_browser(at, browser):
    query = browser.sign_in("officer-1")
    assert browser.go("GET", f"/sign-in/callback?{query}").status_code == 200
    ours = {"Origin": at.house.settings.url, "X-Sarkmeli": "1"}
    assert browser.me(**ours)["roles"] == ["OFFICER"]
    assert browser.me(Origin=ours["Origin"]) is None
    assert browser.me(**{**ours, "Origin": "https://evil.example"}) is None
    assert browser.me(**{"X-Sarkmeli": "1"}) is None
    assert browser.go("POST", "/sign-out").status_code == 403
    kept = dict(browser.cookies)
    assert browser.go("POST", "/sign-out", headers=ours).status_code == 204
    browser.cookies = kept
    assert browser.me(**ours) is None


def test_a_sign_in_is_taken_once_by_the_browser_that_began_it(at, browser):
    query = browser.sign_in("officer-1")
    ours = dict(browser.cookies)
    browser.cookies = {}
    assert browser.go("GET", f"/sign-in/callback?{query}").status_code == 400
    browser.cookies = ours
    state, code = (parse_qs(query)[name][0] for name in ("state", "code"))
    for wrong in ("", "?state=x&code=y", f"?state={state}", f"?code={code}", f"?state={state[:-1]}&code={code}"):
        assert browser.go("GET", f"/sign-in/callback{wrong}").status_code == 400
    assert browser.go("GET", f"/sign-in/callback?{query}").status_code == 200
    assert browser.go("GET", f"/sign-in/callback?{query}").status_code == 400


def test_nobody_is_sent_on_to_a_strangers_page():
    from api.signing_in import own_path

    assert own_path("/start?language=ka") == "/start?language=ka"
    for path in ("//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "javascript:x", "", "/a\nb"):
        assert own_path(path) == "/start"


def test_an_applicants_ticket_decides_in_a_browser_that_holds_a_staff_session(at, browser):
    assert browser.go("GET", f"/sign-in/callback?{browser.sign_in('operator-1')}").status_code == 200
    client, answer = registered(at)
    call = entered_bar(at, client, answer)
    session = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    with line(at, call["call"], Cookie=session, Origin=at.house.settings.url) as socket:
        socket.send(json.dumps({"ticket": call["ticket"]}))
        assert told(socket, "present")["sides"] == ["APPLICANT"]
    with line(at, call["call"], Cookie=session, Origin=at.house.settings.url) as socket:
        socket.send("{}")
        assert told(socket, "refused")["code"] == "NOT_YOUR_CALL"
    client.do("LeaveBar", **keyed(answer))


def test_a_drafts_cookie_works_from_our_pages_only(at, browser):
    ours = {"Origin": at.house.settings.url, "X-Sarkmeli": "start", "X-Forwarded-For": at.client().address}
    body = {"query": "mutation { openDraft(input: {}) { ... on DraftOpened { token draft } } }"}
    opened = browser.go("POST", "/graphql", json=body, headers=ours).json()["data"]["openDraft"]
    assert opened["token"] is None
    asked = {"query": "{ me { draft { id } } }"}
    found = browser.go("POST", "/graphql", json=asked, headers=ours).json()["data"]["me"]["draft"]
    assert found == {"id": opened["draft"]}
    for name in ("Origin", "X-Sarkmeli"):
        without = {key: value for key, value in ours.items() if key != name}
        assert browser.go("POST", "/graphql", json=asked, headers=without).json()["data"]["me"]["draft"] is None


def test_the_first_pages(at):
    for language, word in (("ka", "სარკმელი"), ("en", "Begin an application")):
        page = HTTP.get(f"{at.url}/start", headers={"Accept-Language": language})
        assert "built-in method" not in page.text
        assert word in page.text
        assert f'<html lang="{language}">' in page.text
        assert "unsafe" not in page.headers["content-security-policy"]
        assert "<script>" not in page.text
        for path in ("/", "/centre", "/start?service=taxpayer"):
            other = HTTP.get(f"{at.url}{path}", headers={"Accept-Language": language})
            assert f'<html lang="{language}">' in other.text
            assert "built-in method" not in other.text
            assert ">None<" not in other.text
    for script in ("/start/start.js", "/start/taxpayer.js", "/start/steps.js", "/registration.js", "/centre.js"):
        assert HTTP.get(f"{at.url}{script}").status_code == 200, script
    assert HTTP.get(f"{at.url}/start/start.html.jinja").status_code == 404
    assert HTTP.get(f"{at.url}/start/..%2f..%2fpyproject.toml").status_code == 404
    assert HTTP.get(f"{at.url}/graphiql").status_code in {200, 503}
    assert HTTP.get(f"{at.url}/docs").status_code == HTTP.get(f"{at.url}/openapi.json").status_code == 404


def test_the_sample_form_of_the_start_page_is_without_fault(at):
    from api.start import sample_variables

    sample = sample_variables(at.house.ports)["input"]
    client = at.client()
    client.token = client.do("OpenDraft", bearer=True)["token"]
    faults = client.ask("RegisterApplication", input=sample)["faults"]
    assert {fault["field"] for fault in faults} == {"documents", "email"}
    assert sample["form"].keys() == form("x").keys()


def test_health_and_metrics(at):
    assert HTTP.get(f"{at.url}/healthz").json() == {"live": True}
    assert HTTP.get(f"{at.url}/readyz").json() == {"ready": True, "missing": []}
    counted = HTTP.get(f"{at.url}/metrics").text
    assert "sarkmeli_graphql_requests_total" in counted
    assert "sarkmeli_bank_notices_unread 0.0" in counted
    assert HTTP.get(f"{at.url}/metrics", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 404


def test_the_metrics_tell_each_read_models_lag_in_positions_and_seconds(at):
    def lags():
        found = gauges(HTTP.get(f"{at.url}/metrics").text)
        return {model: (found["sarkmeli_projection_lag", model], found[SECONDS, model]) for model in named}

    def until(true):
        deadline = monotonic() + 30
        while not true(lags()):
            assert monotonic() < deadline, lags()

    named = [model.name for model in MODELS]
    until(lambda found: set(found.values()) == {(0.0, 0.0)})
    with psycopg.connect(at.house.settings.ledger_conninfo) as db:
        db.execute(f"LOCK TABLE reading.{PAYMENTS.payments.bare()} IN EXCLUSIVE MODE")  # its runner waits
        registered(at)
        until(lambda found: all(found[name] == (0.0, 0.0) for name in named if name != PAYMENTS.name))
        behind, seconds = lags()[PAYMENTS.name]
        stands = db.execute("SELECT position FROM reading.tracking WHERE model = %s", (PAYMENTS.name,)).fetchone()[0]
        assert behind == db.execute("SELECT max(position) FROM ledger.event").fetchone()[0] - stands > 0
        assert lags()[PAYMENTS.name][1] > seconds > 0, "it grows as time goes by"
    until(lambda found: found[PAYMENTS.name] == (0.0, 0.0))


def test_the_metrics_tell_of_the_relays_that_there_are_and_of_no_other(at):
    def scraped():
        told = HTTP.get(f"{at.url}/metrics").text
        return {(name, relay): float(value) for name, relay, value in RELAY.findall(told)}

    registered(at)
    with psycopg.connect(at.house.settings.ledger_conninfo, autocommit=True) as db:
        last = db.execute("SELECT max(position) FROM ledger.event").fetchone()[0]
        turn = uuid4()
        try:
            relay.begin(db, "before-relay", turn)
            relay.beat(db, "before-relay", turn, last - 1, "a person must mend something")
            found = scraped()
            assert (found["lag", "before-relay"], found["stopped", "before-relay"]) == (1, 1)
            assert found["lag_seconds", "before-relay"] > 0
            assert found["silent_seconds", "before-relay"] > 0
            db.execute("UPDATE housekeeping.relay SET beat_at = beat_at - interval '61 minutes'")
            relay.begin(db, "now-relay", turn)
            relay.beat(db, "now-relay", turn, last, None)
            found = scraped()
            assert {name for _, name in found} == {"now-relay"}
            assert (found["lag", "now-relay"], found["stopped", "now-relay"]) == (0, 0)
        finally:
            db.execute("DELETE FROM housekeeping.relay")
    assert scraped() == {}


RELAY = re.compile(r'^sarkmeli_relay_(\w+){relay="([\w-]+)"} (\S+)$', re.MULTILINE)


@pytest.fixture
def mirrored(at, new_database):
    """The same office and an instance of it that was told of a mirror: the mirror's database, and how to scrape."""
    port = free_port()
    here = at.house.settings.model_copy(update={"port": port, "mirror_database_url": SecretStr(new_database())})
    migrate_mirror(here)

    def scraped():
        told = HTTP.get(f"http://127.0.0.1:{port}/metrics").text
        away = re.search(r"^sarkmeli_mirror_away (\S+)$", told, re.MULTILINE)[1]
        return float(away), gauges(told)

    with open_house(here) as house, served(create_app(house.ports), port):
        yield here.mirror_database_url.get_secret_value(), scraped


def test_the_metrics_tell_of_the_mirror_while_nobody_keeps_it_and_while_it_is_away(at, mirrored):
    mirror, scraped = mirrored
    registered(at)
    place = Place(STATUS)
    with psycopg.connect(at.house.settings.ledger_conninfo) as db:
        last = db.execute("SELECT max(position) FROM ledger.event").fetchone()[0]
    away, found = scraped()
    assert (away, found["sarkmeli_mirror_lag", "status"], found["sarkmeli_mirror_stopped", "status"]) == (0, last, 0)
    assert scraped()[1]["sarkmeli_mirror_lag_seconds", "status"] > found["sarkmeli_mirror_lag_seconds", "status"] > 0
    with psycopg.connect(mirror, autocommit=True) as db:
        partitions.begin(db, place, PartitionedSource("any", uuid4(), 1))
        partitions.reach(db, place, at.house.ports.reader.lineage(), last - 1, None)
        assert scraped()[1]["sarkmeli_mirror_lag", "status"] == 1
        partitions.reach(db, place, at.house.ports.reader.lineage(), last, None)
        partitions.stop(db, place, "a person must mend something")
        _, found = scraped()
        assert [found[f"sarkmeli_mirror_{name}", "status"] for name in ("lag", "lag_seconds", "stopped")] == [0, 0, 1]
        partitions.stop(db, place, None)
        assert scraped()[1]["sarkmeli_mirror_stopped", "status"] == 0
        db.execute("UPDATE reading.tracking SET lineage = %s", (uuid4(),))
        _, found = scraped()
        assert (found["sarkmeli_mirror_lag", "status"], found["sarkmeli_mirror_stopped", "status"]) == (last, 1)
        name = db.info.dbname
    with psycopg.connect(at.house.settings.ledger_conninfo, autocommit=True) as db:
        db.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    away, found = scraped()
    assert away == 1
    assert ("sarkmeli_projection_lag", "status") in found, "all else is told as ever"


SECONDS = "sarkmeli_projection_lag_seconds"


def gauges(text):
    """The value of each gauge of a model, by gauge and model."""
    return {(name, model): float(value) for name, model, value in GAUGE.findall(text)}


GAUGE = re.compile(r'^(\w+){model="(\w+)"} (\S+)$', re.MULTILINE)
