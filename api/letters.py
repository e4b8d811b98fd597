"""Mails that answer a person at once and tell of no event: codes to confirm with, number and code sent again."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

import texts
from api.declined import EmailUnusable, MailAway
from api.ports import Ports
from gateways.mail import MailRejected, MailUnavailable, Message


def send_letter(ports: Ports, name: str, language: str, to: str, **facts: Any) -> None:
    """Write the mail called ``name`` and hand it to the mail server now. Raises: MailAway, EmailUnusable."""
    letter = texts.mail(
        name, language, office_name=ports.facts.office_name[language], status_url=ports.facts.url, **facts
    )
    host = urlsplit(ports.facts.url).hostname or "localhost"
    message = Message(
        to=to,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        message_id=f"<{name.replace('_', '-')}.{secrets.token_hex(16)}@{host}>",
        language=language,
    )
    try:
        ports.mail.send(message)
    except MailUnavailable:
        raise MailAway from None
    except MailRejected:
        raise EmailUnusable from None
