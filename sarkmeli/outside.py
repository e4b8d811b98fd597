"""The office as the world outside knows it: GraphQL, uploads, bank page, mailbox, staff tokens, the bar's line.

Nothing here imports the office. What may be repeated is repeated, under the same command id, while the service is away
for a moment: as any client must that wants its command done once and not lost.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

T = TypeVar("T")

OPERATIONS = Path(__file__).resolve().parent.parent / "web" / "operations"
AWAY = (httpx.TransportError, OSError, WebSocketException)
AWAY_STATUS = frozenset({500, 502, 503, 504})

LATER = {
    "SIGN_IN_AWAY": 0.0,
    "BANK_UNAVAILABLE": 0.0,
    "REGISTRY_UNAVAILABLE": 0.0,
    "PUBLIC_REGISTRY_UNAVAILABLE": 0.0,
    "TOO_BUSY": 0.0,
    "NOT_YET": 0.0,
    "MAIL_AWAY": 2.0,
    "SMS_AWAY": 2.0,
}
"""Refusals that ask for the same to be sent again in a while: nothing was done. In how many seconds at the earliest:
each try to send a code counts as a code, and there are not many in an hour."""


class Refused(Exception):
    """The office declined: its code, its sentence, and what else it said."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__(f"{told.get('code')}: {told.get('message')} {told.get('faults') or ''}".strip())
        self.code = str(told.get("code"))


class NotAnswered(Exception):
    """Nobody answered in time, or not as agreed."""


class Away(Exception):
    """For now nobody answers; the same may be asked again, after ``pause`` seconds at least."""

    def __init__(self, why: str, pause: float = 0.0) -> None:
        super().__init__(why)
        self.pause = pause


class Outside:
    """One client. ``patience``: seconds for which what can be repeated is repeated."""

    def __init__(self, url: str, sandbox: str, credentials: Mapping[str, str], patience: float = 60.0) -> None:
        self.url = url
        self.sandbox = sandbox
        self.patience = patience
        self._credentials = credentials
        self._http = httpx.Client(timeout=httpx.Timeout(70.0, connect=5.0), follow_redirects=False, trust_env=False)
        self._tokens: dict[str, str] = {}

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def patiently(self, ask: Callable[[], T]) -> T:
        """What ``ask`` gives; asked again while the service is away. Raises: NotAnswered."""
        end = time.monotonic() + self.patience
        pause = 0.05
        while True:
            try:
                return ask()
            except (*AWAY, Away) as error:
                if time.monotonic() > end:
                    raise NotAnswered(f"{type(error).__name__}: {error}") from error
                time.sleep(max(pause, error.pause if isinstance(error, Away) else 0.0))
                pause = min(pause * 1.5, 0.5)

    def ask(
        self, operation: str, *, account: str | None = None, draft: str | None = None, **variables: Any
    ) -> dict[str, Any]:
        """Run one of the published operations; its one field's answer. Raises: Refused, NotAnswered.

        ``account``: as this member of staff. ``draft``: with this draft's secret.
        """
        query = (OPERATIONS / f"{operation}.graphql").read_text(encoding="utf-8")

        def send() -> dict[str, Any]:
            bearer = draft if account is None else self._token(account)
            headers = {"Accept-Language": "en"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
            answer = self._http.post(
                f"{self.url}/graphql", headers=headers, json={"query": query, "variables": variables}
            )
            if answer.status_code in AWAY_STATUS:
                raise Away(f"{operation}: {answer.status_code}")
            if answer.status_code == 401 and account is not None:
                self._tokens.pop(account, None)
                raise Away(f"{operation}: the token is over")
            said = answer.json()
            if answer.status_code != 200 or said.get("errors"):
                raise NotAnswered(f"{operation}: {answer.status_code} {json.dumps(said, ensure_ascii=False)[:2000]}")
            told: dict[str, Any] = next(iter(said["data"].values()))
            if "code" in told and "message" in told:
                later = LATER.get(str(told["code"]))
                raise Refused(told) if later is None else Away(f"{operation}: {told['code']}", later)
            return told

        return self.patiently(send)

    def upload(self, draft: str, kind: str, content: bytes, media_type: str) -> str:
        """Send a file into a draft; the upload's id. Raises: Refused, NotAnswered."""

        def send() -> str:
            answer = self._http.post(
                f"{self.url}/uploads",
                params={"kind": kind},
                content=content,
                headers={"Authorization": f"Bearer {draft}", "Content-Type": media_type},
            )
            if answer.status_code in AWAY_STATUS:
                raise Away(f"upload: {answer.status_code}")
            if answer.status_code != 201:
                raise Refused(answer.json())
            return answer.json()["id"]

        return self.patiently(send)

    def download(self, url: str, **body: Any) -> bytes:
        """A document, by POST. Raises: NotAnswered."""

        def send() -> bytes:
            answer = self._http.post(self._ours(url), json=body or None)
            if answer.status_code in AWAY_STATUS:
                raise Away(f"download: {answer.status_code}")
            if answer.status_code != 200:
                raise NotAnswered(f"download: {answer.status_code} {answer.text[:200]}")
            return answer.content

        return self.patiently(send)

    def get(self, path: str) -> int:
        """The status that one of the office's pages answers with."""
        return self.patiently(lambda: self._http.get(self._ours(path)).status_code)

    def sample(self, name: str) -> bytes:
        """One of the sandbox's sample files."""
        return self.patiently(lambda: self._http.get(f"{self.sandbox}/samples/{name}").raise_for_status().content)

    def pay_by_card(self, page: str, number: str, holder: str) -> None:
        """Follow the office's link to the bank, fill in its form, and come back. Raises: NotAnswered."""

        def bank_page() -> str:
            sent_on = self._http.get(self._ours(page))
            if sent_on.status_code in AWAY_STATUS:
                raise Away(f"pay: {sent_on.status_code}")
            if sent_on.status_code != 303:
                raise NotAnswered(f"pay: {sent_on.status_code} {sent_on.text[:200]}")
            return sent_on.headers["location"]

        form = {"number": number, "holder": holder, "expires": "12/40", "cvc": "123"}
        at_bank = self.patiently(bank_page)
        back = self.patiently(lambda: self._http.post(at_bank, data=form))
        if back.status_code != 303:
            raise NotAnswered(f"the bank's page: {back.status_code}")

        def come_back() -> None:
            if self._http.get(self._ours(back.headers["location"])).status_code in AWAY_STATUS:
                raise Away("the return page")

        self.patiently(come_back)

    def mail(self, to: str, kind: str, after: int = 0) -> dict[str, Any]:
        """The first mail to ``to`` after number ``after`` of this ``kind``; waits for it. Raises: NotAnswered."""

        def look() -> dict[str, Any]:
            told = self._http.get(
                f"{self.sandbox}/mailbox/messages", params={"to": to, "after": seen[0], "wait": 2.0}
            ).raise_for_status()
            for message in told.json()["messages"]:
                seen[0] = message["id"]
                if re.search(rf"[.<]{kind.replace('_', '[-_]')}[.@]", message["message_id"]):
                    return message
            raise Away(f"no mail of the kind {kind}")

        seen = [after]
        return self.patiently(look)

    def texted(self, to: str, after: int = 0) -> dict[str, Any]:
        """The newest text message to a mobile (E.164) after number ``after``; waits for it. Raises: NotAnswered."""

        def look() -> dict[str, Any]:
            told = self._http.get(
                f"{self.sandbox}/phones/messages", params={"to": to, "after": after, "wait": 2.0}
            ).raise_for_status()
            if not (messages := told.json()["messages"]):
                raise Away("no text message")
            return messages[-1]

        return self.patiently(look)

    def person(self, personal_number: str) -> dict[str, Any]:
        """What stands on somebody's identity card, as the sandbox's civil registry has it."""

        def look() -> dict[str, Any]:
            key = {"Authorization": f"Bearer {self._credentials['registry_api_key']}"}
            told = self._http.post(
                f"{self.sandbox}/registry/person", headers=key, json={"personal_number": personal_number}
            )
            return told.raise_for_status().json()

        return self.patiently(look)

    def mails(self, to: str) -> list[dict[str, Any]]:
        """Every mail to ``to`` so far."""
        found = self.patiently(
            lambda: self._http.get(f"{self.sandbox}/mailbox/messages", params={"to": to}).raise_for_status()
        )
        return found.json()["messages"]

    @contextmanager
    def at_the_bar(self, call: str, *, account: str | None = None, ticket: str | None = None) -> Generator[Line]:
        """One side's line to the call. Raises: what `AWAY` lists."""
        parts = urlsplit(self.url)
        address = urlunsplit(parts._replace(scheme="ws", path=f"/videobar/calls/{call}"))
        headers = {"Authorization": f"Bearer {self._token(account)}"} if account else {}
        with connect(address, additional_headers=headers, open_timeout=5, close_timeout=2) as line:
            if ticket is not None:
                line.send(json.dumps({"ticket": ticket}))
            yield Line(line)

    def _token(self, account: str) -> str:
        if account not in self._tokens:
            told = self._http.post(
                f"{self.sandbox}/oidc/token",
                data={"grant_type": "client_credentials", "scope": f"account:{account}"},
                auth=(self._credentials["oidc_client_id"], self._credentials["oidc_client_secret"]),
            )
            if told.status_code != 200:
                raise Away(f"no token: {told.status_code}")
            self._tokens[account] = told.json()["access_token"]
        return self._tokens[account]

    def _ours(self, address: str) -> str:
        """An address of the office's; a path counts from its root."""
        return address if "://" in address else f"{self.url}{address}"


class Line:
    """One side's line at the bar's signalling point."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def until(self, kind: str) -> dict[str, Any]:
        """Wait for a message of this kind; what it says. Raises: NotAnswered."""
        while True:
            try:
                said = json.loads(self._connection.recv(timeout=20))
            except TimeoutError as error:
                raise NotAnswered(f"the bar never said {kind}") from error
            if said.get("type") == kind:
                return said

    def say(self, **message: Any) -> None:
        """Say something to the other side."""
        self._connection.send(json.dumps(message))
