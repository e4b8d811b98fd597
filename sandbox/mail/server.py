"""The SMTP side: takes mail for anyone, and on demand refuses it for now, for good, or goes silent after taking it."""

from __future__ import annotations

import asyncio
import hmac
import logging
import ssl
from email.errors import MessageError
from enum import StrEnum
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import BaseModel, ConfigDict

from sandbox.mail.messages import Messages, parsed
from sandbox.settings import Settings

log = logging.getLogger("sandbox")

LARGEST = 10 * 1024 * 1024


class MailMode(StrEnum):
    OK = "ok"
    BUSY = "busy"
    """451 to every recipient: try again later."""
    REFUSING = "refusing"
    """550 to every recipient: do not."""
    MUTE = "mute"
    """Takes the message and drops the connection instead of saying so."""


class MailWish(BaseModel):
    """The body of ``POST /mailbox/behaviour``; ``times``: for how many messages."""

    model_config = ConfigDict(extra="forbid")

    mode: MailMode
    times: int | None = None


class Postman:
    """aiosmtpd's handler. An address that begins with ``busy@`` or ``refused@`` always meets that answer."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self.wish = MailWish(mode=MailMode.OK)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        local = address.partition("@")[0].lower()
        mode = self.wish.mode
        if mode in (MailMode.BUSY, MailMode.REFUSING):
            self._used()
        if mode is MailMode.BUSY or local == "busy":
            return "451 4.3.0 Busy, try again later"
        if mode is MailMode.REFUSING or local == "refused":
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            message_id = parsed(content).get("Message-ID", "none")
        except (MessageError, ValueError):
            return "554 5.6.0 Not a message"
        self._messages.keep([str(address) for address in envelope.rcpt_tos], content)
        log.info("mail: took %s", str(message_id).strip())
        if self.wish.mode is MailMode.MUTE:
            self._used()
            if isinstance(server.transport, asyncio.Transport):
                server.transport.abort()
        return "250 2.0.0 Taken"

    def _used(self) -> None:
        if self.wish.times is not None:
            left = self.wish.times - 1
            self.wish = self.wish.model_copy(update={"times": left}) if left > 0 else MailWish(mode=MailMode.OK)


async def serve_mail(settings: Settings, postman: Postman) -> asyncio.Server:
    """Listen at the settings' SMTP port, with TLS and log-in as they say."""
    login, security = settings.mail_login, settings.mail_security
    tls = None if security == "none" else server_tls(settings.folder, settings.smtp_host)

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, told: Any) -> AuthResult:
        known = settings.credentials
        good = isinstance(told, LoginPassword) and hmac.compare_digest(
            told.login + b"\0" + told.password, f"{known.smtp_username}\0{known.smtp_password}".encode()
        )
        return AuthResult(success=good, handled=False)

    def connected() -> SMTP:
        return SMTP(
            postman,
            data_size_limit=LARGEST,
            enable_SMTPUTF8=True,
            hostname="sandbox",
            ident="sandbox mail",
            require_starttls=security == "starttls",
            tls_context=tls if security == "starttls" else None,
            auth_required=login,
            auth_require_tls=security == "starttls",
            authenticator=authenticate,
        )

    implicit = tls if security == "tls" else None
    return await asyncio.get_running_loop().create_server(
        connected, settings.smtp_host, settings.smtp_port, ssl=implicit
    )  # fmt: skip


def server_tls(folder: Path, host: str) -> ssl.SSLContext:
    """TLS with the sandbox's own certificate, made at the first start: ``mail.pem`` is what a client must trust."""
    from sandbox.mail.certificate import keep_certificate

    certificate, key = keep_certificate(folder, host)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context
