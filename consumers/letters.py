"""What the letters of every service share: a letterhead, and what the notices consumer asks of a service's letters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import texts
from domain.event import Root
from gateways.mail import Message
from housekeeping.notices import Notice


class NobodyToWrite(Exception):
    """The person's data were erased: there is no address any more."""


class NothingToTell(Exception):
    """What the mail would say is no longer so: what was missing came, the case ended, or a later mail says it."""


class Letters(Protocol):
    """One service's letters: which of its events is told by which mail, and what the mail says."""

    @property
    def kinds(self) -> Mapping[type[Root.Event], str]:
        """The mail's name in ``texts/`` by the event that it tells of; no other service has one of that name."""
        ...

    def write(self, notice: Notice) -> Message:
        """The mail of a notice, from what is true when it is sent. Raises: NobodyToWrite, NothingToTell."""
        ...


@dataclass(frozen=True)
class Letterhead:
    """Who writes. ``url`` is the window's, ``office_name`` by language; ``host`` stands in message ids."""

    url: str
    office_name: Mapping[str, str]
    host: str

    def letter(self, name: str, language: str, *, to: str, about: str, **facts: Any) -> Message:
        """The mail called ``name``. ``about`` names what it tells of and nothing of the person.

        Its Message-ID is the same for every try, so that a repeat can be known as one.
        """
        written = texts.mail(name, language, office_name=self.office_name[language], status_url=self.url, **facts)
        return Message(
            to=to,
            subject=written.subject,
            text=written.text,
            html=written.html,
            message_id=f"<{about}.{name}@{self.host}>",
            language=language,
        )


def about(notice: Notice) -> str:
    """The event that a notice tells of, as message ids name it."""
    return f"{notice.stream.hex}.{notice.version}"
