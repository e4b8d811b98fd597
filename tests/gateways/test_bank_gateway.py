"""The bank's answers about our orders, and which callbacks are the bank's."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID, uuid4

import pytest
from neighbours import Sandbox, Service

from domain.payments.bank import BankUnavailable, CreditNotice, OrderStatus
from domain.payments.money import Money
from gateways.bank import BadSignature, BankDisagrees, BankOverHttp, Unreadable, notice_told, order_named
from gateways.neighbour import Patience

FEE = Money(Decimal("50.00"))
PATIENT = Patience(connect=10.0, answer=10.0, in_all=20.0, tries=3, trips_after=100)
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def gateway(sandbox: Sandbox, *secrets: str) -> BankOverHttp:
    known = sandbox.secrets
    return BankOverHttp(
        f"{sandbox.url}/bank", known["bank_api_key"], secrets or (known["bank_signing_secret"],), PATIENT
    )  # fmt: skip


@pytest.fixture
def bank(shared_sandbox: Sandbox) -> Iterator[BankOverHttp]:
    opened = gateway(shared_sandbox)
    yield opened
    opened.close()
    shared_sandbox.ask("POST", "/bank/behaviour", json={"mode": "ok"})


def create(bank: BankOverHttp, sandbox: Sandbox, order_id: UUID, fee: Money = FEE) -> str:
    return bank.create_order(order_id, fee, f"{sandbox.service_url}/bank/return", "ka").url


def test_an_order_from_its_opening_to_its_refund(bank: BankOverHttp, shared_sandbox: Sandbox) -> None:
    order_id, refund_id = uuid4(), uuid4()
    assert bank.order(order_id).status is OrderStatus.UNKNOWN

    page = create(bank, shared_sandbox, order_id)
    assert create(bank, shared_sandbox, order_id) == page
    assert bank.order(order_id).status is OrderStatus.PENDING

    shared_sandbox.pay(page, holder="LIA BERIDZE")
    paid = bank.order(order_id)
    assert (paid.status, paid.received) == (OrderStatus.PAID, FEE)
    assert paid.payer is not None
    assert paid.transaction is not None
    assert (paid.payer.name, paid.payer.account) == ("LIA BERIDZE", "•••• 0010")

    refund = bank.refund(refund_id, paid.transaction, FEE)
    assert bank.refund(refund_id, paid.transaction, FEE) == refund
    assert refund.transaction != paid.transaction
    with pytest.raises(BankDisagrees):
        bank.refund(uuid4(), paid.transaction, FEE)


@pytest.mark.parametrize(
    ("card", "status"), [("4000000000000028", OrderStatus.DECLINED), ("4000000000000044", OrderStatus.PENDING)]
)
def test_a_card_that_does_not_pay_at_once(
    bank: BankOverHttp, shared_sandbox: Sandbox, card: str, status: OrderStatus
) -> None:
    order_id = uuid4()
    shared_sandbox.pay(create(bank, shared_sandbox, order_id), card)
    assert bank.order(order_id).status is status


def test_less_than_asked_is_said_as_received(bank: BankOverHttp, shared_sandbox: Sandbox) -> None:
    order_id = uuid4()
    shared_sandbox.pay(create(bank, shared_sandbox, order_id), "4000000000000085")
    assert bank.order(order_id).received == Money(Decimal("49.00"))


def test_another_amount_under_the_same_order_is_no_matter_of_trying_again(
    bank: BankOverHttp, shared_sandbox: Sandbox
) -> None:
    order_id = uuid4()
    create(bank, shared_sandbox, order_id)
    with pytest.raises(BankDisagrees):
        create(bank, shared_sandbox, order_id, Money(Decimal("100.00")))


@pytest.mark.parametrize("mode", ["failing", "wrong"])
def test_a_failing_bank_is_unavailable_and_one_failure_is_got_over(
    bank: BankOverHttp, shared_sandbox: Sandbox, mode: str
) -> None:
    shared_sandbox.ask("POST", "/bank/behaviour", json={"mode": mode})
    with pytest.raises(BankUnavailable):
        bank.order(uuid4())
    with pytest.raises(BankUnavailable):
        create(bank, shared_sandbox, uuid4())
    shared_sandbox.ask("POST", "/bank/behaviour", json={"mode": "failing", "times": 1})
    assert bank.order(uuid4()).status is OrderStatus.UNKNOWN


def test_a_wrong_key_is_unavailable(shared_sandbox: Sandbox) -> None:
    with pytest.raises(BankUnavailable):
        BankOverHttp(f"{shared_sandbox.url}/bank", "wrong", ("s",), PATIENT).order(uuid4())


def test_cash_is_read_by_cursor_and_sent_back_by_transaction(own_sandbox: Sandbox, service: Service) -> None:
    bank = gateway(own_sandbox)
    assert bank.credit_notices() == bank.credit_notices("0")
    own_sandbox.pay_cash(reference="C-1", amount="50", delivery="lost")
    first = bank.credit_notices()
    own_sandbox.pay_cash(reference="C-2", amount="20")
    second = bank.credit_notices(first.cursor)

    assert [(notice.reference, notice.received, notice.payer.name) for notice in first.notices] == [
        ("C-1", FEE, "ლია ბერიძე")
    ]
    assert [notice.reference for notice in second.notices] == ["C-2"]
    assert bank.credit_notices(second.cursor).notices == ()
    call = service.next_call()
    bank.verify_signature(call.body, call.signature, datetime.now(UTC))
    assert notice_told(call.body) == second.notices[0]
    assert bank.refund(uuid4(), first.notices[0].transaction, FEE).transaction


ODD = {"currency": "lari", "amount": "-5.00", "booked_at": "9999-12-31T23:59:59+00:00", "transaction_id": "two words"}


@pytest.mark.parametrize("field", [*ODD, "payer", None])
def test_a_notice_that_makes_no_sense_holds_up_no_other(field: str | None) -> None:
    good = {
        "transaction_id": "CN-1",
        "reference": "RF1",
        "amount": "50.00",
        "currency": "GEL",
        "payer": "ლია",
        "booked_at": "2026-11-22T08:00:00+04:00",
    }
    odd = [good] if field is None else {**good, "transaction_id": "CN-2", field: ODD.get(field)}
    page = {"notices": [odd, good], "cursor": "2"}
    with answering(page) as url:
        first, second = BankOverHttp(url, "key", ("s",), PATIENT).credit_notices().notices
    assert first == Unreadable(None if field in (None, "transaction_id") else "CN-2")
    assert isinstance(second, CreditNotice)
    assert second.transaction == "CN-1"


@contextmanager
def answering(page: object) -> Iterator[str]:
    """A bank that answers this, whatever it is asked."""

    class Bank(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(page).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bank)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_callback_names_its_order(own_sandbox: Sandbox, service: Service) -> None:
    bank, order_id = gateway(own_sandbox), uuid4()
    own_sandbox.pay(create(bank, own_sandbox, order_id))
    call = service.next_call()
    bank.verify_signature(call.body, call.signature, datetime.now(UTC))
    assert order_named(call.body) == order_id


def signed(body: bytes, secret: str = "new", at: datetime = NOW) -> str:
    unix = int(at.timestamp())
    return f"t={unix},v1={hmac.new(secret.encode(), f'{unix}.'.encode() + body, hashlib.sha256).hexdigest()}"


BODY = b'{"order_id": "1"}'
FORGED = {
    "none": None,
    "empty": "",
    "other body": signed(b"{}"),
    "other secret": signed(BODY, "guess"),
    "empty secret": signed(BODY, ""),
    "too old": signed(BODY, at=NOW - timedelta(seconds=301)),
    "too early": signed(BODY, at=NOW + timedelta(seconds=301)),
    "time moved": signed(BODY).replace(f"t={int(NOW.timestamp())}", f"t={int(NOW.timestamp()) + 1}"),
    "upper case": signed(BODY).upper(),
    "more behind": signed(BODY) + ",v1=" + "0" * 64,
    "line break": signed(BODY) + "\n",
    "other digits": signed(BODY).replace("1", "١"),
    "endless": "t=" + "9" * 5000 + ",v1=" + "0" * 64,
}


def test_a_signature_is_good_within_its_window_under_the_new_secret_and_the_old(shared_sandbox: Sandbox) -> None:
    bank = gateway(shared_sandbox, "new", "old")
    for header in (signed(BODY), signed(BODY, "old"), signed(BODY, at=NOW - timedelta(seconds=299))):
        bank.verify_signature(BODY, header, NOW)


@pytest.mark.parametrize("header", FORGED.values(), ids=FORGED.keys())
def test_a_forged_or_old_callback_is_nobodys(shared_sandbox: Sandbox, header: str | None) -> None:
    with pytest.raises(BadSignature):
        gateway(shared_sandbox, "new", "old").verify_signature(BODY, header, NOW)


def test_an_empty_secret_is_not_taken(shared_sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="empty"):
        BankOverHttp(shared_sandbox.url, "key", ("new", ""))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"order_id": "x"}', b"\xff", b"[" * 100_000])
def test_a_body_that_says_nothing_is_a_value_error(body: bytes) -> None:
    for read in (order_named, notice_told):
        with pytest.raises(ValueError):
            read(body)


def test_a_notice_of_a_day_that_no_calendar_has_is_a_value_error() -> None:
    told = {"transaction_id": "T", "reference": "RF", "amount": "5.00", "currency": "GEL", "payer": "Lia"}
    with pytest.raises(ValueError, match="day"):
        notice_told(json.dumps({**told, "booked_at": "9999-12-31T23:59:59Z"}).encode())
