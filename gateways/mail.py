"""Mail over SMTP: one message to one person, text and HTML, and whether a refusal is for now or for good."""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate, parseaddr
from enum import StrEnum

from email_validator import EmailNotValidError, validate_email

MESSAGE_ID = re.compile(r"<[A-Za-z0-9._=+-]{1,120}@[A-Za-z0-9.-]{1,120}>")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class MailUnavailable(Exception):
    """The mail server did not take the message now; whether it did is unknown if the connection died. Try later."""


class MailRejected(Exception):
    """The message will never be taken as it is: a bad address, no such mailbox, or content the server refuses."""


class Security(StrEnum):
    """How the connection is protected. NONE is for a server on the same machine."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True)
class SmtpSettings:
    """Where the mail server is and who writes. ``sender``: ``Name <address>``; ``timeout`` in seconds.

    ``tls``: whom to trust, the machine's authorities if not given. Raises: ValueError for a log-in without TLS.
    """

    host: str
    port: int
    sender: str
    security: Security = Security.STARTTLS
    username: str = ""
    password: str = ""
    timeout: float = 10.0
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        if self.username and self.security is Security.NONE:
            raise ValueError("a password is not sent over an open connection")
        if not parseaddr(self.sender)[1]:
            raise ValueError("the sender needs an address")


@dataclass(frozen=True)
class Message:
    """One mail. ``message_id`` (``<left@right>``) is derived by whoever sends from what the mail is about, so that a
    repeat can be known as one; ``language`` as in BCP 47."""

    to: str
    subject: str
    text: str
    html: str
    message_id: str
    language: str


class Mail:
    """Sends one message a connection; for many threads."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    def send(self, message: Message) -> None:
        """Hand ``message`` to the mail server. Raises: MailUnavailable, MailRejected (neither names the recipient)."""
        letter = compose(message, self._settings.sender)
        try:
            server = self._connect()
            try:
                _hand_over(server, letter)
            finally:
                _take_leave(server)
        except smtplib.SMTPResponseException as refused:
            raise MailUnavailable(f"the mail server answered {refused.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailUnavailable(f"no mail server: {type(error).__name__}") from None

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        tls = settings.tls or ssl.create_default_context()
        if settings.security is Security.TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=settings.timeout, context=tls
            )  # fmt: skip
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout)
        try:
            if settings.security is Security.STARTTLS:
                server.starttls(context=tls)
            if settings.username:
                server.login(settings.username, settings.password)
        except BaseException:
            server.close()
            raise
        return server


def _hand_over(server: smtplib.SMTP, letter: EmailMessage) -> None:
    """What the server says of the mailbox or the content is about the message; anything else is about the server."""
    try:
        server.send_message(letter)
    except smtplib.SMTPRecipientsRefused as refused:
        raise _verdict(next(iter(refused.recipients.values()))[0]) from None
    except smtplib.SMTPDataError as refused:
        raise _verdict(refused.smtp_code) from None
    except smtplib.SMTPNotSupportedError:
        raise MailRejected("the server cannot take an address in this script") from None


def _take_leave(server: smtplib.SMTP) -> None:
    """Say QUIT. Whatever is answered, a message that was taken stays taken."""
    with suppress(smtplib.SMTPException, OSError):
        server.quit()
    server.close()


def _verdict(code: int) -> Exception:
    """5yz is for good, 4yz for now (RFC 5321, section 4.2.1)."""
    told = f"the mail server answered {code}"
    return MailRejected(told) if code >= 500 else MailUnavailable(told)


def compose(message: Message, sender: str) -> EmailMessage:
    """The message as it goes out. Raises: MailRejected if a header would hold a line break, or no address."""
    name, address = parseaddr(sender)
    try:
        letter = EmailMessage(policy=SMTP_POLICY)
        letter["From"] = Address(name, addr_spec=address)
        letter["To"] = Address(addr_spec=_deliverable(message.to))
        letter["Subject"] = _one_line(message.subject)
        if not MESSAGE_ID.fullmatch(message.message_id):
            raise MailRejected("not a Message-ID")
        letter["Message-ID"] = message.message_id
        letter["Date"] = formatdate(usegmt=True)
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(message.text, cte="base64" if not message.text.isascii() else None)
        letter.add_alternative(message.html, subtype="html", cte="base64" if not message.html.isascii() else None)
        # Last: turning the letter into a multipart moves the Content headers that stand there into its first part.
        letter["Content-Language"] = _one_line(message.language)
    except (ValueError, MessageError, IndexError) as error:
        raise MailRejected(f"not fit to be a mail: {type(error).__name__}") from None
    return letter


def _deliverable(address: str) -> str:
    """The address with its domain in ASCII, as every server takes it. Raises: MailRejected."""
    try:
        known = validate_email(_one_line(address), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise MailRejected("not an address") from None
    return known.ascii_email or known.normalized


def _one_line(value: str) -> str:
    if CONTROL.search(value):
        raise MailRejected("a header holds one line")
    return value
