"""One side's web socket at the signalling point: what is said to it waits in a queue of its own, so that a side that
does not listen keeps nobody waiting."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from anyio import WouldBlock, create_memory_object_stream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from starlette.websockets import WebSocket, WebSocketDisconnect

from domain.people import Actor, SubjectId
from domain.videobar.terms import Side

log = structlog.get_logger("api.signalling")

POLICY, AGAIN, TOO_MUCH = 1008, 1012, 1013
"""Why we close: no business here; come again at once; too much at a time."""

MOST_UNREAD: Final = 300
"""Messages that may wait to be sent to one side: as many as the other may send between two beats."""


@dataclass(eq=False)
class Line:
    """One side's connection."""

    socket: WebSocket
    call: UUID
    side: Side
    actor: Actor
    subject: SubjectId
    """Whose call it is: what is said in it is sealed under their key where it leaves this process."""
    id: UUID = field(default_factory=uuid4)
    received: int = 0
    met: frozenset[UUID] | None = None
    """The pair of lines that this side was told to be connected."""
    _unsent: tuple[MemoryObjectSendStream[str | int], MemoryObjectReceiveStream[str | int]] = field(
        default_factory=lambda: create_memory_object_stream[str | int](MOST_UNREAD)
    )
    _closing: int | None = None

    def say(self, **message: Any) -> None:
        """Send a message of our own."""
        self.send(json.dumps(message, ensure_ascii=False))

    def send(self, text: str) -> None:
        """Send a text, in its turn. A side that reads nothing is hung up on; one that goes down takes no more."""
        self._put(text)

    def hang_up(self, code: int) -> None:
        """Close once what was said before is sent."""
        self._put(code)

    def _put(self, said: str | int) -> None:
        try:
            self._unsent[0].send_nowait(said)
        except WouldBlock:
            self._closing = TOO_MUCH

    async def speak(self) -> None:
        """Send what is said to this side until it is hung up on or goes down."""
        async for said in self._unsent[1]:
            if isinstance(said, int) or self._closing is not None:
                await close(self.socket, self._closing or int(said))
                return
            try:
                await self.socket.send_text(said)
            except (WebSocketDisconnect, RuntimeError, OSError):
                log.info("line_down", call=str(self.call), side=self.side)
                return


async def close(socket: WebSocket, code: int) -> None:
    """Close, whatever has become of the connection."""
    try:
        await socket.close(code)
    except (WebSocketDisconnect, RuntimeError, OSError):
        return
