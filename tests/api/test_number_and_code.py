"""Number and code: what is wrong is not told, not even by the work done; guessing is slowed; nobody is locked out."""

from uuid import UUID

import psycopg
from taxpayers import filed
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed
from window import keyed, registered

from domain.erasure import LegalGround
from domain.people import Actor, Role


def other(code):
    """A code that differs in its last character."""
    return code[:-1] + ("0" if code[-1] != "0" else "1")


@retry(retry=retry_if_result(lambda done: not done), wait=wait_fixed(0.05), stop=stop_after_delay(60))
def carried_out(erasures, case):
    return erasures.carry_out(case)


def erased(at):
    """Number and code of a case whose person was erased."""
    _, answer = registered(at)
    house, case = at.house, UUID(answer["case"])
    house.compatriot.withdraw(house.office.act(Actor(str(case), Role.HOLDER), "withdraw"), case=case)
    first, second = (house.office.act(Actor(name, Role.DATA_PROTECTION), "erase") for name in ("irma", "guram"))
    house.erasures.ask(first, case, LegalGround.DATA_SUBJECT_REQUEST)
    house.erasures.confirm(second, case)
    assert carried_out(house.erasures, case)
    return keyed(answer)


def asked_undisturbed(stranger, shown, statements):
    """The answer and its steps, once no connection was lent on whose socket something waited: the pool asks the server
    then whether it is sound, with an empty statement, whoever it is lent to."""
    for _ in range(3):
        told, done = stranger.ask("Status", **shown), statements()
        if "" not in done:
            break
    return told, done


def test_a_wrong_number_and_a_wrong_code_do_the_same(at, statements):
    gone = erased(at)
    client, answer = registered(at)
    client.ask("Status", **keyed(answer), atLeast=answer["token"])
    taxpayer, registration, _ = filed(at)
    taxpayer.ask("Status", **keyed(registration), atLeast=registration["token"])
    cases = {
        "wrong code of a registration": {**keyed(registration), "code": other(registration["code"])},
        "code of another service": {**keyed(registration), "code": answer["code"]},
        "wrong code": {**keyed(answer), "code": other(answer["code"])},
        "no code": {**keyed(answer), "code": ""},
        "unknown number": {**keyed(answer), "number": "1234567897"},
        "mistyped number": {**keyed(answer), "number": "1234567890"},
        "no number": {**keyed(answer), "number": "\u0640"},
        "erased": gone,
    }
    told, done = {}, {}
    for name, shown in cases.items():
        stranger = at.client()
        for _ in range(2):  # again within the key store's memory
            stranger.ask("Status", **shown)
            statements()
            told[name], done[name] = asked_undisturbed(stranger, shown, statements)
    assert {name: one["code"] for name, one in told.items()} == dict.fromkeys(cases, "WRONG_NUMBER_OR_CODE")
    assert len({str(one) for one in told.values()}) == 1
    for asked in ("housekeeping.take_try", "ledger.address", "status_v", "keystore.subject"):
        assert sum(asked in statement for statement in done["wrong code"]) == 1, asked
    assert done["wrong code"].count("round trip") >= 4
    for name in cases:
        assert done[name] == done["wrong code"], name
    client.ask("Status", **keyed(answer))
    assert statements() != done["wrong code"]


def test_five_wrong_codes_and_then_none_is_verified_from_there(at, statements):
    client, answer = registered(at)
    stranger = at.client()
    wrong = {**keyed(answer), "code": other(answer["code"])}
    for _ in range(5):
        assert stranger.ask("Status", **wrong)["code"] == "WRONG_NUMBER_OR_CODE"
    statements()
    assert stranger.ask("Status", **keyed(answer))["code"] == "TOO_MANY_TRIES"
    assert not any("keystore" in statement for statement in statements())
    for _ in range(8):
        assert "state" in client.ask("Status", **keyed(answer), atLeast=answer["token"])


def test_it_fails_closed_when_tries_cannot_be_counted(at, monkeypatch):
    client, answer = registered(at)

    def away(*_):
        raise psycopg.OperationalError("no connection")

    monkeypatch.setattr(at.house.lookups, "take", away)
    assert client.send("Status", **keyed(answer)).status_code == 503


def test_typing_is_forgiving(at):
    client, answer = registered(at)
    number = answer["number"].replace(" ", "-").replace("0", "O")
    code = answer["code"].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert "state" in client.ask("Status", number=number, code=code, atLeast=answer["token"])


def test_only_a_listed_proxy_says_where_a_request_comes_from():
    from api.client_address import NOWHERE, Proxies

    proxies = Proxies(["10.0.0.0/8", "fd00::/8"])
    assert proxies.client("203.0.113.7", ["198.51.100.1"]) == "203.0.113.7"
    assert proxies.client("10.1.2.3", ["6.6.6.6, 203.0.113.7, 10.9.9.9"]) == "203.0.113.7"
    assert proxies.client("10.1.2.3", ["6.6.6.6", "203.0.113.7"]) == "203.0.113.7"
    assert proxies.client("10.1.2.3", ["203.0.113.7, not an address"]) == "10.1.2.3"
    assert proxies.client("fd00::1", ["2001:db8::1"]) == "2001:db8::1"
    assert proxies.client("::ffff:10.1.2.3", ["::ffff:203.0.113.7"]) == "203.0.113.7"
    assert proxies.client("10.1.2.3", [" , " * 5_000]) == "10.1.2.3"
    assert (proxies.client(None), proxies.client("")) == (NOWHERE, NOWHERE)
