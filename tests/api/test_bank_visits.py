"""Going to the bank and coming back; the bank's calls, genuine and forged."""

import hashlib
import hmac
import json
import time
from uuid import uuid4

from neighbours import HTTP
from window import keyed, paid, registered


def signed(at, body, at_time=None, secret=None):
    """The bank's signature of a body."""
    moment = str(int(at_time or time.time()))
    key = (secret or at.sandbox.secrets["bank_signing_secret"]).encode()
    return f"t={moment},v1={hmac.new(key, moment.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def called(at, path, told, signature=None):
    body = json.dumps(told).encode()
    return HTTP.post(f"{at.url}/bank/{path}", content=body, headers={"X-Bank-Signature": signature or signed(at, body)})


def order_of(at, client, answer, token):
    (payment,) = client.ask("Status", **keyed(answer), atLeast=token)["payments"]
    return payment


def test_a_forged_late_or_unsigned_call_is_not_believed(at):
    client, answer = registered(at)
    payment = order_of(at, client, answer, answer["token"])
    told = {"order_id": payment["id"]}
    body = json.dumps(told).encode()
    for signature in ("", "t=1,v1=00", signed(at, body, secret="guess"), signed(at, body, time.time() - 3600)):
        assert called(at, "callback", told, signature or "none").status_code == 401
    assert HTTP.post(f"{at.url}/bank/callback", content=b"x" * 100_000).status_code == 413


def test_a_genuine_call_is_a_hint_and_the_bank_is_asked(at):
    client, answer = registered(at)
    payment = order_of(at, client, answer, answer["token"])
    there = HTTP.get(answer["bankPage"].replace("localhost", "127.0.0.1"), follow_redirects=False)
    assert there.status_code == 303
    assert called(at, "callback", {"order_id": payment["id"], "status": "paid"}).status_code == 204
    assert order_of(at, client, answer, answer["token"])["phase"] == "OPEN"
    assert called(at, "callback", {"order_id": str(uuid4())}).status_code == 204
    assert called(at, "callback", {"order": 1}).status_code == 400


def test_paid_once_however_often_it_is_said(at):
    client, answer = registered(at)
    first = paid(at, answer)
    payment = order_of(at, client, answer, answer["token"])
    for _ in range(3):
        assert called(at, "callback", {"order_id": payment["id"]}).status_code == 204
        assert HTTP.get(f"{at.url}/bank/return", params={"order": payment["id"]}).text == first.text
    events = [event["name"] for event in at.staff("auditor").ask("CaseEvents", number=answer["number"])["events"]]
    assert events.count("Paid") == 1
    assert client.refused("OpenPayment", **keyed(answer)) == "ALREADY_PAID"
    page = HTTP.get(answer["bankPage"].replace("localhost", "127.0.0.1"), follow_redirects=False)
    assert page.status_code == 200


def test_links_that_are_not_ours(at):
    _, answer = registered(at)
    ticket = answer["bankPage"].rsplit("/", 1)[1]
    for wrong in (ticket[:-3] + "AAA", "x", "%00", "a" * 300, ticket + "A"):
        assert HTTP.get(f"{at.url}/pay/{wrong}", follow_redirects=False).status_code == 404
    for order in ("", "x", str(uuid4()), "../../etc"):
        page = HTTP.get(f"{at.url}/bank/return", params={"order": order})
        assert (page.status_code, page.headers["content-security-policy"][:18]) == (404, "default-src 'none'")


def test_cash_is_matched_by_reference_or_by_the_cashier(at):
    _, answer = registered(at)
    at.sandbox.pay_cash(reference=answer["cashReference"], amount="50.00")
    at.sandbox.hasten()
    auditor = at.staff("auditor")

    def events(number):
        return [event["name"] for event in auditor.ask("CaseEvents", number=number)["events"]]

    assert "Paid" in events(answer["number"])

    _, other = registered(at)
    transaction = uuid4().hex[:20]
    notice = {
        "transaction_id": transaction,
        "reference": "for Nino",
        "amount": "50.00",
        "currency": "GEL",
        "payer": "ლია ბერიძე",
        "booked_at": "2026-11-01T12:00:00+04:00",
    }
    for _ in range(2):
        assert called(at, "credit-notices", notice).status_code == 204
    assert called(at, "credit-notices", {**notice, "amount": "51.00"}).status_code == 204
    cashier = at.staff("cashier")
    opened = at.house.ledger.tokens.encode(at.house.ledger.reader.settled())
    page = cashier.ask("Suspense", first=50, atLeast=opened)
    (node,) = [edge["node"] for edge in page["edges"] if edge["node"]["transaction"] == transaction]
    assert (node["payer"], node["reference"], node["amount"]["amount"]) == ("ლია ბერიძე", "for Nino", "50.00")
    meant = {"payment": node["id"], "reasons": "Her mother showed the receipt."}
    assert cashier.refused("MatchPayment", **meant, caseNumber="1") == "NUMBER_UNKNOWN"
    meant["caseNumber"] = other["number"]
    for reasons, code in ((" ", "REASONS_MISSING"), ("x" * 4001, "WORDS_TOO_LONG"), ("a\u202eb", "WORDS_UNREADABLE")):
        assert cashier.refused("MatchPayment", **{**meant, "reasons": reasons}) == code
    cashier.do("MatchPayment", **meant)
    assert "Paid" in events(other["number"])
