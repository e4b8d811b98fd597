"""The public registry's answer is a whole entry of the taxpayer asked about, nobody, or "not available"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from neighbours import Sandbox

from domain.taxpayer.registry import Entry, PublicRegistryUnavailable, representatives
from gateways.neighbour import Patience
from gateways.public_registry import PublicRegistryOverHttp

PATIENT = Patience(connect=10.0, answer=10.0, in_all=20.0, tries=3, trips_after=100)
HASTY = Patience(connect=10.0, answer=0.3, in_all=1.0, tries=2, trips_after=100)


def gateway(sandbox: Sandbox, patience: Patience = PATIENT) -> PublicRegistryOverHttp:
    key = sandbox.secrets["public_registry_api_key"]
    return PublicRegistryOverHttp(f"{sandbox.url}/public-registry", key, patience)


@pytest.fixture
def registry(shared_sandbox: Sandbox) -> Iterator[PublicRegistryOverHttp]:
    opened = gateway(shared_sandbox)
    yield opened
    opened.close()
    shared_sandbox.ask("POST", "/public-registry/behaviour", json={"mode": "ok"})


def test_a_company_is_found_with_whom_it_may_send(registry: PublicRegistryOverHttp) -> None:
    assert registry.find("405200116") == Entry(
        "405200116", "შპს ორი ძმა", ("01024067891", "54001022119"), "ori.dzma@example.org"
    )


def test_a_person_is_found_with_their_registered_address(registry: PublicRegistryOverHttp) -> None:
    assert registry.find("01008012345") == Entry("01008012345", "ნინო მაისურაძე", (), "nino.maisuradze@example.org")


def test_what_a_consultant_may_meet(registry: PublicRegistryOverHttp) -> None:
    numbers = ("402005567", "445019826", "205118890", "406301142", "36001009916", "12001044556")
    found = [entry for number in numbers if (entry := registry.find(number)) is not None]
    partly_abroad, all_abroad, struck_off, no_mail, bad_mail, dead = found
    assert partly_abroad.may_act == ("62007015151", "01025011906")
    assert all_abroad.may_act == ()
    assert (struck_off.representatives, struck_off.may_act, struck_off.struck_off) == (("01011023781",), (), True)
    assert (no_mail.email, bad_mail.email) == (None, None)
    assert dead.struck_off


def test_nobody_has_an_unknown_number(registry: PublicRegistryOverHttp) -> None:
    assert registry.find("100000000") is None
    assert representatives(registry, "100000000") == ()


@pytest.mark.parametrize(
    ("code", "patience"),
    [("000000001", HASTY), ("000000002", PATIENT), ("000000003", PATIENT), ("00000000003", PATIENT)],
    ids=["slow", "failing", "another company's", "a company instead of a person"],
)
def test_no_answer_a_failure_and_anothers_entry_are_not_available(
    shared_sandbox: Sandbox, code: str, patience: Patience
) -> None:
    asked = gateway(shared_sandbox, patience)
    with pytest.raises(PublicRegistryUnavailable):
        asked.find(code)
    assert representatives(asked, code) is None
    asked.close()


def test_one_failure_is_got_over(registry: PublicRegistryOverHttp, shared_sandbox: Sandbox) -> None:
    shared_sandbox.ask("POST", "/public-registry/behaviour", json={"mode": "failing", "times": 1})
    assert registry.find("404123450") is not None


def test_a_wrong_key_is_not_available(shared_sandbox: Sandbox) -> None:
    with pytest.raises(PublicRegistryUnavailable):
        PublicRegistryOverHttp(f"{shared_sandbox.url}/public-registry", "wrong", PATIENT).find("404123450")


GOOD = {"identification": "404123450", "name": "x", "status": "ACTIVE", "representatives": [], "email": None}


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "DISSOLVED"},
        {"representatives": [{"personal_number": "1"}]},
        {"representatives": [{"personal_number": ""}]},
        {"representatives": None},
        {"name": ""},
        {"name": "x" * 401},
        {"email": 5},
        {"identification": 404123450},
    ],
)
def test_an_entry_that_is_not_as_agreed_is_not_available(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    asked = answered(monkeypatch, changed)
    with pytest.raises(PublicRegistryUnavailable):
        asked.find("404123450")


@pytest.mark.parametrize("abroad", [{"name": "Hans Becker"}, {"personal_number": None}], ids=["left out", "empty"])
def test_a_representative_of_another_state_hides_nobody_beside_them(
    monkeypatch: pytest.MonkeyPatch, abroad: dict[str, Any]
) -> None:
    asked = answered(monkeypatch, {"representatives": [abroad, {"personal_number": "01024067891"}]})
    assert representatives(asked, "404123450") == ("01024067891",)


def answered(monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]) -> PublicRegistryOverHttp:
    """A gateway to a registry that answers whatever is asked with the good entry, changed."""
    asked = PublicRegistryOverHttp("http://registry.invalid", "key", PATIENT)
    body = json.dumps({**GOOD, **changed})
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text=body))
    monkeypatch.setattr(asked._neighbour, "_client", httpx.Client(transport=transport))
    return asked
