"""Carries signalling between the API's processes: the two sides of a call may have come to different ones.

By PostgreSQL's NOTIFY, which every process hears and no table keeps; its queue lies on the disk for a while all the
same. What is said holds addresses, so it is sealed under the key of the call's subject and goes when that does. It is
cut into pieces that fit a notification. Where the connection is lost, so may be what was said meanwhile: whoever stands
on this is told, and begins anew.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final, Protocol
from uuid import UUID, uuid4

import psycopg
import structlog
from anyio import CapacityLimiter, to_thread
from psycopg import AsyncConnection, Notify

from api.answers import PASSING
from domain.people import SubjectId
from housekeeping.pool import Pool
from ledger.aead import Tampered
from ledger.connecting import LINK, conninfo_of

log = structlog.get_logger("api.signalling")

CHANNEL: Final = "signalling"
PIECE: Final = 7_500
"""Bytes of a piece; a notification takes less than 8,000, and a line before it says what the piece belongs to."""
AGAIN_SECONDS: Final = (0.1, 5.0)
"""The first and the longest pause before listening is tried again."""

_NOTIFY: Final = "SELECT pg_notify(%s, piece) FROM unnest(%s::text[]) WITH ORDINALITY AS said (piece, n) ORDER BY n"

Heard = Callable[[UUID, dict[str, Any]], Awaitable[None]]
"""Takes what another process said of a call."""


class SubjectSeal(Protocol):
    """Seals what is said in a call under its subject's key. Implemented by `ledger.keys.KeyStore`."""

    def seal(self, subject: SubjectId, value: bytes, context: bytes) -> bytes:
        """``value`` sealed, bound to ``context``. Raises: SubjectErased."""
        ...

    def unseal(self, subject: SubjectId, sealed: bytes, context: bytes) -> bytes:
        """What `seal` was given. Raises: SubjectErased, UnknownKey, Tampered."""
        ...


class Exchange:
    """One process's end. ``subject_here`` says whose a call is that has a line here; what is said of others is not
    opened."""

    def __init__(
        self, pool: Pool, seal: SubjectSeal, subject_here: Callable[[UUID], SubjectId | None], threads: CapacityLimiter
    ) -> None:
        self._pool = pool
        self._seal = seal
        self._subject_here = subject_here
        self._threads = threads
        self._me = uuid4().hex
        self._pieces: dict[str, list[str]] = {}

    def tell(self, call: UUID, subject: SubjectId, said: dict[str, Any]) -> None:
        """Tell the other processes of a call. In a thread: it waits for databases.

        Raises: psycopg.Error, SubjectErased and what else finding a key raises.
        """
        sealed = self._seal.seal(subject, json.dumps(said).encode(), _context(call))
        text = base64.b64encode(sealed).decode()
        cuts = range(0, len(text), PIECE)
        head = f"{self._me} {call.hex} {uuid4().hex} {len(cuts)}"
        with self._pool.connection() as db:
            db.execute(_NOTIFY, (CHANNEL, [f"{head} {n} {text[cut : cut + PIECE]}" for n, cut in enumerate(cuts)]))

    async def listen(self, heard: Heard, lost: Callable[[], Awaitable[None]]) -> None:
        """Hear the others until cancelled; ``lost`` is awaited when something may have been missed."""
        shortest, longest = AGAIN_SECONDS
        pause = shortest
        while True:
            try:
                async with await AsyncConnection.connect(conninfo_of(self._pool), autocommit=True, **LINK) as line:
                    await line.execute(f"LISTEN {CHANNEL}")
                    await lost()
                    pause = shortest
                    async with aclosing(line.notifies()) as notified:
                        async for each in notified:
                            await self._take(each, heard)
            except (psycopg.Error, *PASSING) as error:
                log.warning("others_not_heard", error=type(error).__name__, seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    async def _take(self, notified: Notify, heard: Heard) -> None:
        try:
            origin, named, id, count, n, piece = notified.payload.split(" ")
            call = UUID(named)
        except ValueError:
            log.warning("signal_unreadable")
            return
        subject = self._subject_here(call)
        if origin == self._me or subject is None:
            return
        # A transaction's notifications come together and in order: pieces of one message are never apart.
        pieces = self._pieces.setdefault(id, []) if n == "0" else self._pieces.get(id, [])
        pieces.append(piece)
        if len(pieces) < int(count):
            return
        self._pieces.clear()
        try:
            sealed = base64.b64decode("".join(pieces))
            opened = await to_thread.run_sync(self._seal.unseal, subject, sealed, _context(call), limiter=self._threads)
        except (Tampered, LookupError, ValueError):
            log.warning("signal_unreadable")
            return
        try:
            await heard(call, json.loads(opened))
        except (KeyError, TypeError, ValueError):  # another release's: two run side by side while one is rolled out
            log.warning("signal_unreadable", call=str(call))


def _context(call: UUID) -> bytes:
    return b"signalling" + call.bytes
