"""Taxpayers' accounts: who may sign in and from when, that failing tells nothing, and that a new password ends all."""

import json
from uuid import uuid4

import pytest
from neighbours import HTTP

from api.reading import caught_up
from bench.accounts import PASSWORD, active, by_link, filed
from domain.erasure import LegalGround
from domain.number import new_number
from domain.office import Office
from domain.people import Actor, Role
from domain.taxpayer.accounts import Account, Counts
from domain.taxpayer.registration import Registration
from projections.registration import REGISTRATION

BETTER = "Msxali8-tkbili"
WRONG = "WRONG_USERNAME_OR_PASSWORD"


def sign_in(client, one, password=None):
    """Signed in as a program; what is left of the client's requests carries the session."""
    client.token = client.do("SignIn", username=one.username, password=password or one.password, bearer=True)["session"]
    return client


def change(client, current, new, **more):
    return client.ask(
        "ChangePassword",
        input={"currentPassword": current, "password": new, "repeatedPassword": new, "bearer": True, **more},
    )


def disowned(house):
    """A registration that ended."""
    one = filed(house)
    by = Actor(str(one.registration), Role.ADDRESSEE)
    house.taxpayer.send_link(
        house.office.act(Actor("links", Role.SYSTEM), "sendLink"), case=one.registration, to=one.email
    )
    house.taxpayer.disown(house.office.act(by, "disown"), case=one.registration)
    return one


def to_be_forgotten(house, one):
    """Two persons decided that the account is erased; nothing of it is carried out yet."""
    first, second = (house.office.act(Actor(name, Role.DATA_PROTECTION), "erase") for name in ("irma", "guram"))
    house.erasures.ask(first, one.registration, LegalGround.COMPLAINT_UPHELD)
    house.erasures.confirm(second, one.registration)


def test_signing_in_works_from_activation_on_and_not_before(at):
    one = filed(at.house)
    assert at.client().refused("SignIn", username=one.username, password=one.password) == WRONG
    by_link(at.house, one, BETTER)
    assert at.client().refused("SignIn", username=one.username, password=one.password) == WRONG
    client = sign_in(at.client(), one, BETTER)
    shown = client.ask("Account")
    assert (shown["username"], shown["kind"], shown["email"]) == (one.username, "PERSON", one.email)
    assert client.do("SignOut") == {"__typename": "AccountClosed", "closed": True}
    assert client.ask("Account")["code"] == "ACCOUNT_REQUIRED"


def test_a_username_is_typed_as_it_reads(at):
    one = active(at.house)
    alike = one.username.replace("a", "A").replace("taxpayer", "TAXPAYER").replace("0", "O")
    assert alike != one.username
    client = at.client()
    assert client.do("SignIn", username=f" {alike} ", password=PASSWORD)["session"] is None
    assert client.refused("SignIn", username=one.username, password=PASSWORD.lower()) == WRONG


def test_a_browser_has_the_session_in_a_cookie_that_only_our_pages_send(at):
    one, client = active(at.house), at.client()
    answer = client.send("SignIn", input={"username": one.username, "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-account=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
    held = cookie.partition(";")[0]

    def account(**headers):
        body = {"query": "{ account { __typename } }"}
        return HTTP.post(f"{at.url}/graphql", json=body, headers={"Cookie": held, **headers}).json()["data"]["account"]

    ours = {"Origin": at.house.facts.url, "X-Sarkmeli": "1"}
    assert account(**ours) == {"__typename": "AccountView"}
    foreign = {"__typename": "NotFromOurPages"}
    assert account(**{**ours, "Origin": "https://elsewhere.example"}) == foreign
    assert account(Origin=at.house.facts.url) == foreign
    held = "__Host-account=nobodys"
    assert account(Origin=at.house.facts.url) == foreign, "which tells nothing of the session"
    assert account(**ours) == {"__typename": "AccountRequired"}


def alike(at, statements, operation, cases):
    """That every case is answered with the same bytes after the same steps, by status and headers too; the steps."""
    told, done = {}, {}
    for name, variables in cases.items():
        attempts = []
        for _ in range(3):  # a pool that looks whether a connection still lives adds to what is sent, now and then
            client = at.client()
            statements()
            answer = client.send(operation, **variables)
            attempts.append(statements())
        varying = {"date", "x-request-id"}
        headers = [(key, value) for key, value in answer.headers.multi_items() if key not in varying]
        told[name] = answer.status_code, headers, set(answer.headers), len(answer.content), answer.content
        done[name] = min(attempts, key=len)
    first = next(iter(cases))
    for name in cases:
        assert told[name] == told[first], name
        assert done[name] == done[first], name
    assert told[first][0] == 200
    return done[first], json.loads(told[first][4])["data"]


def test_failing_sign_ins_are_alike(at, statements):
    """The same statements, one verification, the same status, headers and body, whatever it was that was wrong."""
    house = at.house
    known, waiting, changed = active(house), filed(house), active(house)
    by_link(house, changed, BETTER)
    ended, leaving = disowned(house), active(house)
    to_be_forgotten(house, leaving)
    house.passwords.keep(known.registration, uuid4(), BETTER)  # and its event never came
    cases = {
        "unknown": (f"nobody-{uuid4().hex[:12]}", PASSWORD),
        "wrong": (known.username, "Wrong7-password"),
        "not active": (waiting.username, PASSWORD),
        "not active, wrong": (waiting.username, "Wrong7-password"),
        "ended": (ended.username, PASSWORD),
        "to be forgotten": (leaving.username, PASSWORD),
        "replaced": (changed.username, PASSWORD),
        "no event": (known.username, BETTER),
        "empty": ("", ""),
        "no username at all": ("\u0640:/" * 1000, "\ud83d\ude00" * 1000),
    }
    asked = {name: {"input": {"username": one[0], "password": one[1]}} for name, one in cases.items()}
    done, told = alike(at, statements, "SignIn", asked)
    assert told["signIn"]["code"] == WRONG
    for table in ("housekeeping.take_try", "ledger.address", "housekeeping.password"):
        assert sum(table in statement for statement in done) == 1, table
    assert sum("DISTINCT ON" in statement for statement in done) == 2
    assert [each for each in done if each.startswith("password")] == ["password: verify"]
    assert not any("keystore" in statement for statement in done)
    statements()
    sign_in(at.client(), known)
    assert statements() != done


def test_whoever_asks_for_a_link_is_answered_alike(at, statements):
    """Known to nobody, filed, active, ended, a company: nothing is looked up before the answer."""
    house = at.house
    codes = {
        "unknown": "98765432109",
        "filed": filed(house).identification,
        "active": active(house).identification,
        "ended": disowned(house).identification,
        "company": "123456789",
    }
    asked = {name: {"input": {"identification": code}} for name, code in codes.items()}
    done, told = alike(at, statements, "SendActivationLink", asked)
    assert told["sendActivationLink"]["hours"] == 24
    assert not any("ledger" in statement or "reading" in statement or "keystore" in statement for statement in done)


def test_a_registrations_wrong_number_and_wrong_code_are_alike(at, statements):
    house = at.house
    waiting, ended, account = filed(house), disowned(house), active(house)
    assert caught_up(house.ports, REGISTRATION, house.ledger.reader.settled())
    cases = {
        "unknown": {"number": str(new_number()), "code": waiting.code},
        "another's code": {"number": waiting.number, "code": account.code},
        "ended": {"number": ended.number, "code": account.code},
        "active": {"number": account.number, "code": waiting.code},
        "no code": {"number": waiting.number, "code": ""},
    }
    done, told = alike(at, statements, "Status", cases)
    assert told["status"]["code"] == "WRONG_NUMBER_OR_CODE"
    assert sum("keystore" in statement for statement in done) == 1


def test_five_wrong_passwords_and_then_none_is_verified_from_there_and_the_holder_is_not_locked_out(at, statements):
    one, stranger = active(at.house), at.client()
    for _ in range(5):
        assert stranger.refused("SignIn", username=one.username.upper(), password="Wrong7-password") == WRONG
    statements()
    assert stranger.refused("SignIn", username=one.username, password=PASSWORD) == "TOO_MANY_TRIES"
    assert not any("password" in statement for statement in statements())
    holder = at.client()
    for _ in range(8):
        sign_in(holder, one)


def test_changing_the_password_ends_the_other_sessions(at):
    one = active(at.house)
    here, there = sign_in(at.client(), one), sign_in(at.client(), one)
    assert change(here, "Wrong7-password", BETTER)["code"] == "CURRENT_PASSWORD_WRONG"
    refused = change(here, PASSWORD, "short")
    assert {fault["field"] for fault in refused["faults"]} == {"password"}
    assert there.ask("Account")["username"] == one.username
    before = here.token
    here.token = change(here, PASSWORD, BETTER)["session"]
    assert here.ask("Account")["username"] == one.username
    assert there.ask("Account")["code"] == "ACCOUNT_REQUIRED"
    assert at.client(before).ask("Account")["code"] == "ACCOUNT_REQUIRED"
    assert at.client().refused("SignIn", username=one.username, password=PASSWORD) == WRONG
    sign_in(at.client(), one, BETTER)


def test_a_reset_by_the_link_ends_every_session_in_the_moment_in_which_it_is_history(at):
    """Nobody has to remove anything: a process that dies right after the event has left no session behind."""
    one = active(at.house)
    thief = sign_in(at.client(), one)
    command = by_link(at.house, one, BETTER)
    assert thief.ask("Account")["code"] == "ACCOUNT_REQUIRED"
    assert change(thief, PASSWORD, "Atami3-mtsipe")["code"] == "ACCOUNT_REQUIRED"
    assert at.house.accounts.of(one.registration) == Account(one.registration, command)
    sign_in(at.client(), one, BETTER)


def test_a_change_that_a_reset_overtakes_changes_nothing(at, monkeypatch):
    """The thief's request has shown the stolen password; before it goes on, the link's holder sets another."""
    one = active(at.house)
    thief, verify = sign_in(at.client(), one), type(at.house.passwords).verify

    def overtaken(*shown):
        right = verify(*shown)
        patched.undo()
        by_link(at.house, one, BETTER)
        return right

    with monkeypatch.context() as patched:
        patched.setattr(type(at.house.passwords), "verify", overtaken)
        assert change(thief, PASSWORD, "Atami3-mtsipe")["code"] == "CURRENT_PASSWORD_WRONG"
    assert thief.ask("Account")["code"] == "ACCOUNT_REQUIRED"
    assert at.client().refused("SignIn", username=one.username, password="Atami3-mtsipe") == WRONG
    sign_in(at.client(), one, BETTER)


def test_a_password_is_not_changed_to_itself(at):
    """It is compared as it is kept, and only for who has shown the one in force."""
    one = active(at.house)
    client = sign_in(at.client(), one)
    before = at.house.accounts.of(one.registration)
    wide = PASSWORD.replace(PASSWORD[-1], chr(ord(PASSWORD[-1]) + 0xFEE0))
    assert wide != PASSWORD
    for same in (PASSWORD, wide):
        assert change(client, PASSWORD, same)["code"] == "PASSWORD_UNCHANGED"
    assert change(client, BETTER, BETTER)["code"] == "CURRENT_PASSWORD_WRONG"
    assert at.house.accounts.of(one.registration) == before
    assert client.ask("Account")["username"] == one.username


def test_a_change_that_never_becomes_history_leaves_the_password_before(at, monkeypatch):
    one = active(at.house)
    client = sign_in(at.client(), one)

    def killed(*_, **__):
        raise RuntimeError("the process died here")

    with monkeypatch.context() as patched:
        patched.setattr(Office, "commit", killed)
        asked = {"currentPassword": PASSWORD, "password": BETTER, "repeatedPassword": BETTER}
        assert client.send("ChangePassword", input=asked).status_code == 500
    kept = "SELECT count(*) FROM housekeeping.password WHERE registration = %s"
    with at.house.pool.connection() as db:
        assert db.execute(kept, (one.registration,)).fetchone() == (3,)
    assert at.client().refused("SignIn", username=one.username, password=BETTER) == WRONG
    assert client.ask("Account")["username"] == one.username
    sign_in(at.client(), one, PASSWORD)


def test_a_repeated_change_is_one_change(at):
    one, command = active(at.house), str(uuid4())
    client = sign_in(at.client(), one)
    first = change(client, PASSWORD, BETTER, commandId=command)
    assert change(client, PASSWORD, "Atami3-mtsipe", commandId=command)["code"] == "ACCOUNT_REQUIRED"
    client.token = first["session"]
    change(client, BETTER, "Atami3-mtsipe", commandId=command)
    assert at.client().refused("SignIn", username=one.username, password="Atami3-mtsipe") == WRONG
    sign_in(at.client(), one, BETTER)


def test_an_account_that_is_to_be_forgotten_opens_no_more(at):
    one = active(at.house)
    client = sign_in(at.client(), one)
    to_be_forgotten(at.house, one)
    assert client.ask("Account")["code"] == "ACCOUNT_REQUIRED"
    assert at.client().refused("SignIn", username=one.username, password=PASSWORD) == WRONG
    at.house.erasures.carry_out(one.registration)  # as far as it comes at once
    for table in ("password", "taxpayer_session", "link"):
        with at.house.pool.connection() as db:
            kept = f"SELECT count(*) FROM housekeeping.{table} WHERE registration = %s"
            assert db.execute(kept, (one.registration,)).fetchone() == (0,), table


@pytest.mark.parametrize("make", [filed, active, disowned])
def test_the_account_that_the_newest_events_tell_is_the_registrations_own(at, make):
    """`domain.taxpayer.accounts` reads history by itself; the aggregate says the same."""
    one, accounts = make(at.house), at.house.accounts
    for password in (None, BETTER, "Atami3-mtsipe"):
        if password is not None and make is not disowned:
            by_link(at.house, one, password)
        registration = at.house.office.load(Registration, one.registration)
        is_active = registration.state.value == "ACTIVE"
        expected = Account(one.registration, registration.password_of) if is_active else None
        assert accounts.of(one.registration) == accounts.named(one.username) == expected
        alive = Counts.FOR_NOW if make is not disowned else Counts.NOT
        told = accounts.counts(one.registration, registration.password_of)
        assert told is (Counts.FOR_GOOD if is_active else alive)
        assert accounts.counts(one.registration, uuid4()) is Counts.NOT
