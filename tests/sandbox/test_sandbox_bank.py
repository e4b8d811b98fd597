"""The sandbox's bank: an order is opened once, paid once, and told of as the card says."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from typing import Any

import pytest
from neighbours import Sandbox, Service

from sandbox.bank.cards import CARDS, passes_luhn


def new_order(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    return {
        "order_id": str(uuid.uuid4()),
        "amount": "50.00",
        "currency": "GEL",
        "return_url": f"{sandbox.service_url}/bank/return?language=ka",
        **changes,
    }


def open_order(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    answer = sandbox.bank("POST", "/orders", json=new_order(sandbox, **changes))
    assert answer.status_code == 201, answer.text
    return answer.json()


def order(sandbox: Sandbox, order_id: str) -> dict[str, Any]:
    return sandbox.bank("GET", f"/orders/{order_id}").json()


def test_a_paid_order_is_told_with_a_signature_over_the_raw_body_and_the_payer_is_sent_back(
    own_sandbox: Sandbox, service: Service
) -> None:
    opened = open_order(own_sandbox)
    back = own_sandbox.pay(opened["page_url"])

    assert back.status_code == 303
    assert back.headers["location"] == f"{service.url}/bank/return?language=ka&order={opened['order_id']}"
    call = service.next_call()
    at, told = (part.split("=")[1] for part in call.signature.split(","))
    secret = own_sandbox.secrets["bank_signing_secret"].encode()
    assert told == hmac.new(secret, at.encode() + b"." + call.body, hashlib.sha256).hexdigest()
    assert (call.path, call.content["order_id"]) == ("/bank/callback", opened["order_id"])
    paid = order(own_sandbox, opened["order_id"])
    assert (paid["status"], paid["paid_amount"], paid["payer"]["account"]) == ("paid", "50.00", "•••• 0010")


def test_a_callback_is_repeated_until_it_is_taken(own_sandbox: Sandbox, service: Service) -> None:
    service.answers.put(500)
    opened = open_order(own_sandbox)
    own_sandbox.pay(opened["page_url"])

    assert service.next_call().body == service.next_call().body
    assert own_sandbox.hasten() == {"settled": 0, "taken": 0, "refused": 0}


def test_lost_late_and_doubled_callbacks(own_sandbox: Sandbox, service: Service) -> None:
    cards = {"lost": "4000000000000051", "late": "4000000000000069", "doubled": "4000000000000077"}
    paid: dict[str, str] = {}
    for kind, card in cards.items():
        opened = open_order(own_sandbox)
        own_sandbox.pay(opened["page_url"], card)
        paid[kind] = opened["order_id"]

    doubled = [service.next_call().content["order_id"] for _ in range(2)]
    assert own_sandbox.hasten()["taken"] == 1
    late = service.next_call().content["order_id"]

    assert doubled == [paid["doubled"]] * 2
    assert late == paid["late"]
    assert service.calls.empty()
    assert order(own_sandbox, paid["lost"])["status"] == "paid"


def test_the_slow_card_is_being_processed_until_the_bank_has_settled(own_sandbox: Sandbox, service: Service) -> None:
    opened = open_order(own_sandbox)
    own_sandbox.pay(opened["page_url"], "4000000000000044")
    assert order(own_sandbox, opened["order_id"])["status"] == "processing"

    assert own_sandbox.hasten()["settled"] == 1

    assert order(own_sandbox, opened["order_id"])["status"] == "paid"
    assert service.next_call().content["status"] == "paid"


@pytest.mark.parametrize(
    ("card", "reason"), [("4000000000000028", "declined"), ("4000000000000036", "insufficient_funds")]
)
def test_a_declined_order_stays_declined(shared_sandbox: Sandbox, card: str, reason: str) -> None:
    opened = open_order(shared_sandbox)
    shared_sandbox.pay(opened["page_url"], card)
    shared_sandbox.pay(opened["page_url"])

    closed = order(shared_sandbox, opened["order_id"])
    assert (closed["status"], closed["reason"], closed["transaction_id"]) == ("declined", reason, None)


def test_an_order_is_the_same_however_often_it_is_opened_and_never_another(shared_sandbox: Sandbox) -> None:
    wanted = new_order(shared_sandbox)
    first, again = (shared_sandbox.bank("POST", "/orders", json=wanted) for _ in range(2))
    other = shared_sandbox.bank("POST", "/orders", json={**wanted, "amount": "100.00"})

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert first.json() == again.json()


def test_an_order_expires(shared_sandbox: Sandbox) -> None:
    opened = open_order(shared_sandbox, lasts=0.001)
    shared_sandbox.pay(opened["page_url"])
    assert order(shared_sandbox, opened["order_id"])["status"] == "expired"


def test_the_page_says_what_is_wrong_in_the_payers_language(shared_sandbox: Sandbox) -> None:
    page = open_order(shared_sandbox, language="ka")["page_url"]
    wrong = {"number": "4000000000000011", "holder": "X", "expires": "12/40", "cvc": "123", "language": "ka"}
    georgian = shared_sandbox.ask("POST", page, data=wrong)
    english = shared_sandbox.ask("POST", page, data={**wrong, "number": "5555555555554444", "language": "en"})
    past = shared_sandbox.ask("POST", page, data={**wrong, "number": "4000000000000010", "expires": "01/20"})

    assert [answer.status_code for answer in (georgian, english, past)] == [422, 422, 422]
    assert "ბარათის ნომერი არასწორია" in georgian.text
    assert "test cards only" in english.text
    assert "გასულია" in past.text


def test_nobody_is_sent_to_a_stranger_and_no_input_becomes_markup(shared_sandbox: Sandbox) -> None:
    elsewhere = new_order(shared_sandbox, return_url="http://127.0.0.1:9@evil.example/")
    assert shared_sandbox.bank("POST", "/orders", json=elsewhere).status_code == 422

    page = open_order(shared_sandbox)["page_url"]
    shown = shared_sandbox.ask("GET", page, params={"card": '"><script>'})
    assert "<script>" not in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]


def test_cash_is_listed_after_a_cursor_even_if_its_notice_was_lost(own_sandbox: Sandbox, service: Service) -> None:
    first = own_sandbox.pay_cash(reference="C-1", amount="50", delivery="lost")
    second = own_sandbox.pay_cash(reference="C-2", amount="49.5")

    assert service.next_call().content["reference"] == "C-2"
    listed = own_sandbox.bank("GET", "/credit-notices", params={"after": 0}).json()
    assert [(notice["reference"], notice["amount"]) for notice in listed["notices"]] == [
        ("C-1", "50.00"),
        ("C-2", "49.50"),
    ]
    later = own_sandbox.bank("GET", "/credit-notices", params={"after": first.headers["x-cursor"]}).json()
    assert [notice["transaction_id"] for notice in later["notices"]] == [second.headers["x-transaction-id"]]


def test_the_merchant_needs_its_key(shared_sandbox: Sandbox) -> None:
    for path in ("/bank/credit-notices", "/bank/orders/x"):
        assert shared_sandbox.ask("GET", path).status_code == 401
    assert shared_sandbox.ask("POST", "/registry/person", json={"personal_number": "01008012345"}).status_code == 401


def test_every_test_card_is_a_card_number() -> None:
    assert all(passes_luhn(number) and len(number) == 16 for number in CARDS)
