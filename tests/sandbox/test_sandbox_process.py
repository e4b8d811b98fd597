"""The sandbox as a process: what it said stays said when it is killed, and it answers to its own name only."""

from __future__ import annotations

import signal
import smtplib
import stat
import uuid

from neighbours import Sandbox, Service


def test_everything_survives_a_kill(own_sandbox: Sandbox, service: Service) -> None:
    wanted = {"order_id": str(uuid.uuid4()), "amount": "50.00", "currency": "GEL", "return_url": service.url}
    opened = own_sandbox.bank("POST", "/orders", json=wanted).json()
    own_sandbox.pay(opened["page_url"], "4000000000000069")
    own_sandbox.pay_cash(reference="C-9", amount="50.00", delivery="lost")
    with smtplib.SMTP("127.0.0.1", own_sandbox.smtp_port) as mail:
        mail.sendmail("office@sarkmeli.example", ["nino@mail.example"], b"Subject: one\r\n\r\nbody\r\n")
    paid = own_sandbox.bank("GET", f"/orders/{opened['order_id']}").json()
    keys, secrets = own_sandbox.ask("GET", "/oidc/jwks").json(), own_sandbox.secrets

    own_sandbox.stop(signal.SIGKILL)
    own_sandbox.start()

    assert own_sandbox.bank("GET", f"/orders/{opened['order_id']}").json() == paid
    assert own_sandbox.hasten()["taken"] == 1
    assert len(own_sandbox.bank("GET", "/credit-notices").json()["notices"]) == 1
    assert [mail["subject"] for mail in own_sandbox.mails("nino@mail.example")] == ["one"]
    assert (own_sandbox.ask("GET", "/oidc/jwks").json(), own_sandbox.secrets) == (keys, secrets)


def test_sigterm_ends_it_cleanly_even_while_somebody_waits(own_sandbox: Sandbox) -> None:
    assert own_sandbox.stop() == 0
    own_sandbox.start()


def test_secrets_are_readable_by_their_owner_only(shared_sandbox: Sandbox) -> None:
    for name in ("credentials.json", "oidc-keys.json"):
        assert stat.S_IMODE((shared_sandbox.folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(shared_sandbox.folder.stat().st_mode) == 0o700


def test_a_page_of_somebody_elses_that_was_led_here_gets_nothing(shared_sandbox: Sandbox) -> None:
    led = shared_sandbox.ask("GET", "/mailbox/messages", headers={"Host": "evil.example"})
    assert led.status_code == 400
    crossed = shared_sandbox.ask(
        "POST", "/registry/behaviour", content='{"mode": "failing"}', headers={"Content-Type": "text/plain"}
    )
    assert crossed.status_code == 422


def test_every_page_of_the_house_opens(shared_sandbox: Sandbox) -> None:
    with smtplib.SMTP("127.0.0.1", shared_sandbox.smtp_port) as mail:
        hostile = (
            "Subject: <script>x</script>\r\nTo: <b>\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>\r\n"
        )
        mail.sendmail("a@b.example", ["pages@mail.example"], hostile.encode())
    number = shared_sandbox.mails("pages@mail.example")[0]["id"]
    paths = ["/", "/mailbox", "/bank/cash", f"/mailbox/messages/{number}", f"/mailbox/messages/{number}/raw"]
    for path in paths:
        page = shared_sandbox.ask("GET", path)
        assert page.status_code == 200, path
        assert "<script>" not in page.text or page.headers["content-type"].startswith("text/plain"), path
    assert shared_sandbox.ask("GET", "/bank").headers["location"] == "/bank/cash"
    assert shared_sandbox.ask("GET", f"/mailbox/messages/{10**30}").status_code == 422
    html = shared_sandbox.ask("GET", f"/mailbox/messages/{number}/html")
    assert html.headers["content-security-policy"].startswith("sandbox ")
    assert "allow-scripts" not in html.headers["content-security-policy"]


def test_every_sample_is_what_it_says(shared_sandbox: Sandbox) -> None:
    starts = {"image/jpeg": b"\xff\xd8\xff", "application/pdf": b"%PDF-"}
    listed = shared_sandbox.ask("GET", "/samples").json()
    assert len(listed) >= 4
    for name, media_type in listed.items():
        sample = shared_sandbox.ask("GET", f"/samples/{name}")
        assert sample.headers["content-type"] == media_type
        assert sample.content.startswith(starts[media_type])
    assert shared_sandbox.ask("GET", "/samples/..%2Fstate.sqlite").status_code == 404
