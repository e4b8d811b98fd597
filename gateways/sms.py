"""Text messages over the SMS gateway's HTTP interface: one message to one mobile, once however often it is tried."""

from __future__ import annotations

import re
import ssl
from typing import Final
from uuid import UUID, uuid4

from gateways.neighbour import Neighbour, NeighbourDown, Patience

PATIENCE: Final = Patience(connect=1.0, answer=3.0, in_all=7.0, longest=64 * 1024)
"""Somebody may be waiting at a form for the code that comes by this."""

LONGEST: Final = 670
"""Characters: ten parts of a message in Georgian script. Source: 3GPP TS 23.040, 9.2.3.24.1 (67 of UCS-2 to a part)."""

MOBILE: Final = re.compile(r"\+[1-9][0-9]{7,14}", re.ASCII)
"""E.164."""
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class SmsUnavailable(Exception):
    """The gateway did not take the message now; whether it did is unknown if it did not answer. The same message may
    be sent again under the same key."""


class SmsRejected(Exception):
    """The gateway will never take this message: no such mobile, or one that is barred."""


class Sms:
    """The SMS gateway. For many threads."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        sender: str,
        patience: Patience = PATIENCE,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._sender = sender
        self._neighbour = Neighbour("SMS gateway", base_url, patience, {"Authorization": f"Bearer {api_key}"}, tls)

    def send(self, mobile: str, text: str, *, key: UUID | None = None) -> None:
        """Hand ``text`` over for ``mobile`` (E.164). Whatever is sent again under the same ``key`` is sent once.

        ``key``: for who may send again after an unknown outcome; the tries of one call share one by themselves.
        Raises: SmsUnavailable, SmsRejected; ValueError for a number or a text that cannot be sent.
        """
        if not MOBILE.fullmatch(mobile):
            raise ValueError("a mobile number is written as E.164")
        if not text.strip() or len(text) > LONGEST or _CONTROL.search(text):
            raise ValueError(f"a message is 1 to {LONGEST} characters, no control characters but line ends")
        try:
            answer = self._neighbour.ask(
                "POST",
                "/messages",
                headers={"Idempotency-Key": str(key or uuid4())},
                json={"from": self._sender, "to": mobile, "text": text},
            )
        except NeighbourDown as error:
            raise SmsUnavailable from error
        if answer.status in (400, 409, 413, 422):
            raise SmsRejected
        if answer.status not in (200, 201, 202):
            raise SmsUnavailable

    def close(self) -> None:
        """Let go of the connections."""
        self._neighbour.close()
