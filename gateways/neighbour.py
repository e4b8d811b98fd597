"""How the office speaks HTTP with a neighbour: never longer than a deadline, again if it may help, not at all for a
while if it does not."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from circuitbreaker import CircuitBreaker  # pyright: ignore[reportMissingTypeStubs]
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay, wait_random_exponential

log = logging.getLogger(__name__)

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that say: not now. Any other status is the neighbour's answer."""

EXPECTED = frozenset({200, 201, 404})
"""Statuses that need no line in the log. No path is ever logged: it may name a person."""


@dataclass(frozen=True)
class Patience:
    """How long and how often to ask; seconds. ``in_all`` bounds one question with all its tries and pauses."""

    connect: float = 1.0
    answer: float = 3.0
    in_all: float = 8.0
    tries: int = 3
    trips_after: int = 6
    """Tries failed in a row, whoever asked, after which nobody asks for ``rests`` seconds."""
    rests: float = 10.0
    longest: int = 5 * 1024 * 1024
    """Bytes of an answer."""


@dataclass(frozen=True)
class Answer:
    """A neighbour's answer, read to its end."""

    status: int
    content: bytes
    media_type: str


class Silent(Exception):
    """One try came to nothing: no connection, no answer in time, an answer too long, or "not now"."""


class NeighbourDown(Exception):
    """The neighbour did not answer within our patience. Nothing is known of what was asked."""


class Neighbour:
    """One neighbour at one base address, for many threads. What is asked must be fit to be asked twice."""

    def __init__(
        self,
        name: str,
        base_url: str,
        patience: Patience,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.name = name
        self._patience = patience
        self._base_url = base_url.rstrip("/")
        # Neither proxies nor certificates nor .netrc from the environment: where secrets go is said by settings only.
        self._client = httpx.Client(
            headers=headers, trust_env=False, verify=tls or True, follow_redirects=False, timeout=patience.answer
        )
        self._breaker: Any = CircuitBreaker(
            failure_threshold=patience.trips_after,
            recovery_timeout=patience.rests,
            expected_exception=Silent,
            name=name,
        )

    @property
    def base_url(self) -> str:
        return self._base_url

    @property
    def resting(self) -> bool:
        """Whether nobody is asked at the moment because too many tries failed."""
        return bool(self._breaker.opened)

    def ask(self, method: str, path: str, *, tries: int | None = None, **request: Any) -> Answer:
        """Send one request and read its answer; ``path`` may be a full URL. ``request``: as httpx takes it.

        Raises: NeighbourDown.
        """
        until = time.monotonic() + self._patience.in_all
        attempts = Retrying(
            retry=retry_if_exception_type(Silent),
            stop=stop_after_attempt(tries or self._patience.tries) | stop_before_delay(self._patience.in_all),
            wait=wait_random_exponential(multiplier=0.1, max=1.0),
            reraise=True,
        )
        try:
            answer = attempts(self._try, method, path, until, request)
        except Silent as silent:
            log.warning("%s: %s", self.name, silent)
            raise NeighbourDown(f"{self.name}: {silent}") from silent
        if answer.status not in EXPECTED:
            log.warning("%s: answered %d", self.name, answer.status)
        return answer

    def _try(self, method: str, path: str, until: float, request: dict[str, Any]) -> Answer:
        if self.resting:
            raise NeighbourDown(f"{self.name} failed too often and is left alone for now")
        with self._breaker:
            return self._send(method, path, until, request)

    def _send(self, method: str, path: str, until: float, request: dict[str, Any]) -> Answer:
        left = min(self._patience.answer, until - time.monotonic())
        if left <= 0:
            raise Silent("no time left")
        url = path if "://" in path else f"{self._base_url}{path}"
        timeout = httpx.Timeout(left, connect=min(self._patience.connect, left))
        try:
            with self._client.stream(method, url, timeout=timeout, **request) as response:
                content = self._read(response, time.monotonic() + left)
        except httpx.HTTPError as error:
            raise Silent(type(error).__name__) from error
        if response.status_code in AGAIN:
            raise Silent(f"answered {response.status_code}")
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Answer(response.status_code, content, media_type)

    def _read(self, response: httpx.Response, until: float) -> bytes:
        """The body; a neighbour that dribbles it byte by byte does not outlast the deadline."""
        content = bytearray()
        for piece in response.iter_bytes():
            content += piece
            if len(content) > self._patience.longest:
                raise Silent("answered at too great a length")
            if time.monotonic() > until:
                raise Silent("did not come to an end")
        return bytes(content)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()
