"""A mail arrives whole or not at all, and a refusal is known to be for now or for good."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_string, policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from neighbours import Sandbox, free_port

from gateways.mail import Mail, MailRejected, MailUnavailable, Message, Security, SmtpSettings

LETTER = Message(
    to="nino@mail.example",
    subject="თქვენი განაცხადი დარეგისტრირდა: 1234567890",
    text="გამარჯობა, ნინო.\n\nთქვენი განაცხადი დარეგისტრირდა.\n",
    html="<p>გამარჯობა, <b>ნინო</b>.</p>\n",
    message_id="<0198f1c2.registered@sarkmeli.example>",
    language="ka",
)
SENDER = "სარკმელი <office@sarkmeli.example>"


def mail_to(sandbox: Sandbox, **changes: object) -> Mail:
    settings = SmtpSettings("127.0.0.1", sandbox.smtp_port, SENDER, Security.NONE, timeout=5)
    return Mail(replace(settings, **changes))  # type: ignore[arg-type]


@pytest.fixture
def behaving(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    yield shared_sandbox
    shared_sandbox.ask("POST", "/mailbox/behaviour", json={"mode": "ok"})


def test_a_letter_arrives_in_both_forms_with_its_georgian_subject(shared_sandbox: Sandbox) -> None:
    mail_to(shared_sandbox).send(replace(LETTER, to="whole@mail.example"))

    (came,) = shared_sandbox.mails("whole@mail.example")
    assert (came["subject"], came["message_id"], came["language"]) == (LETTER.subject, LETTER.message_id, "ka")
    assert (came["text"], came["html"], came["from"]) == (LETTER.text, LETTER.html, SENDER)
    raw = shared_sandbox.ask("GET", f"/mailbox/messages/{came['id']}/raw").text
    letter = message_from_string(raw, policy=policy.default)
    assert raw.isascii()
    assert letter.get_content_type() == "multipart/alternative"
    assert letter["Auto-Submitted"] == "auto-generated"


def test_a_georgian_domain_is_written_as_every_server_takes_it(shared_sandbox: Sandbox) -> None:
    mail_to(shared_sandbox).send(replace(LETTER, to="nino@ფოსტა.გე"))
    assert len(shared_sandbox.mails("nino@xn--lodzmeh.xn--node")) == 1


HOSTILE = {
    "recipient": {"to": "nino@mail.example\r\nBcc: eve@evil.example"},
    "two recipients": {"to": "nino@mail.example, eve@evil.example"},
    "named recipient": {"to": "Nino <nino@mail.example>"},
    "no address": {"to": "nino"},
    "nothing": {"to": ""},
    "subject": {"subject": "one\nBcc: eve@evil.example"},
    "subject, bare": {"subject": "one\rBcc: eve@evil.example"},
    "subject, unicode": {"subject": "one\u2028Bcc: eve@evil.example"},
    "subject, nul": {"subject": "one\x00two"},
    "message id": {"message_id": "<a@b>\r\nBcc: eve@evil.example"},
    "message id, open": {"message_id": "a@b"},
    "language": {"language": "ka\r\nBcc: eve@evil.example"},
    "lone surrogate": {"text": "\ud800"},
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_slips_into_the_headers(shared_sandbox: Sandbox, change: dict[str, str]) -> None:
    with pytest.raises(MailRejected) as refused:
        mail_to(shared_sandbox).send(replace(LETTER, **change))
    assert "mail.example" not in str(refused.value)
    assert shared_sandbox.mails("eve@evil.example", wait=0) == []


def test_busy_is_for_now_and_no_such_mailbox_is_for_good(behaving: Sandbox) -> None:
    with pytest.raises(MailUnavailable):
        mail_to(behaving).send(replace(LETTER, to="busy@mail.example"))
    with pytest.raises(MailRejected) as refused:
        mail_to(behaving).send(replace(LETTER, to="refused@mail.example"))
    assert "refused@" not in str(refused.value)
    behaving.ask("POST", "/mailbox/behaviour", json={"mode": "busy", "times": 1})
    with pytest.raises(MailUnavailable):
        mail_to(behaving).send(LETTER)
    mail_to(behaving).send(LETTER)


def test_a_server_that_takes_the_letter_and_says_nothing_may_have_it(behaving: Sandbox) -> None:
    behaving.ask("POST", "/mailbox/behaviour", json={"mode": "mute", "times": 1})
    with pytest.raises(MailUnavailable):
        mail_to(behaving).send(replace(LETTER, to="mute@mail.example"))
    assert len(behaving.mails("mute@mail.example")) == 1


def test_a_letter_that_was_taken_is_sent_whatever_the_server_says_at_parting() -> None:
    class Rude:
        async def handle_QUIT(self, *_: object) -> str:
            return "421 4.7.0 go away"

        async def handle_DATA(self, *_: object) -> str:
            return "250 taken"

    server = Controller(Rude(), hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        Mail(SmtpSettings("127.0.0.1", server.port, SENDER, Security.NONE)).send(LETTER)
    finally:
        server.stop()


def test_no_server_is_for_now() -> None:
    with pytest.raises(MailUnavailable):
        Mail(SmtpSettings("127.0.0.1", free_port(), SENDER, Security.NONE)).send(LETTER)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_protected_server_is_known_by_its_certificate_and_knows_us(tmp_path: Path, security: str) -> None:
    options = ("--smtp-security", security, *(["--smtp-login"] if security == "starttls" else []))
    sandbox = Sandbox(tmp_path / "sandbox", "http://127.0.0.1:9", options).start()
    try:
        trusted = ssl.create_default_context(cafile=str(sandbox.folder / "mail.pem"))
        secrets = sandbox.secrets
        account = {"username": secrets["smtp_username"], "password": secrets["smtp_password"]}
        known = {"security": Security(security), "tls": trusted, **(account if security == "starttls" else {})}
        mail_to(sandbox, **known).send(LETTER)
        assert len(sandbox.mails(LETTER.to)) == 1

        wrong = [{**known, "tls": None}, {"security": Security.NONE}]
        if security == "starttls":
            wrong += [{**known, "password": "guess"}, {**known, "username": ""}]
        for changes in wrong:
            with pytest.raises(MailUnavailable):
                mail_to(sandbox, **{"timeout": 1, **changes}).send(LETTER)
        assert len(sandbox.mails(LETTER.to)) == 1
    finally:
        sandbox.stop(signal.SIGKILL)


def test_starttls_that_the_server_does_not_offer_is_not_done_without(shared_sandbox: Sandbox) -> None:
    with pytest.raises(MailUnavailable):
        mail_to(shared_sandbox, security=Security.STARTTLS).send(LETTER)


def test_a_password_is_not_sent_in_the_open() -> None:
    with pytest.raises(ValueError, match="open connection"):
        SmtpSettings("127.0.0.1", 25, SENDER, Security.NONE, username="u", password="p")
