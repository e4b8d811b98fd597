"""The HTTP server in front of the API: bounded where a stranger could wear it out, and drained where it ends.

Several processes may serve one listening socket. What waits in its queue belongs to all of them, so a process that ends
leaves nothing behind: it takes no more connections, says ``Connection: close`` with each further answer, tells web
sockets to come again, and goes when its connections have gone. Whoever has asked is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from asyncio import Transport
from collections.abc import Callable, Generator
from typing import Any, Final, Protocol

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

BACKLOG: Final = 1024
"""Connections that wait to be taken by whichever process is free."""

HEAD_SECONDS: Final = 20.0
HEAD_BYTES: Final = 64 * 1024
"""Within how long, and within how many bytes, a request's head must be there."""

IDLE_SECONDS: Final = 75
"""How long a connection without a request is kept: longer than proxies and clients keep theirs, so that it is they who
close, and no request meets a connection that closes."""

DRAIN_SECONDS: Final = 10.0
"""How long connections without a request are kept while the process drains: their next answer would have told them."""

FINISH_SECONDS: Final = 60
"""How long requests under way may take to finish then."""

MESSAGE_BYTES: Final = 64 * 1024
"""Bytes of one web socket message: read no further than that."""

_FIRST_PASSED: Final = 3
"""The first descriptor that a service manager passes on (systemd's sd_listen_fds)."""


class Application(Protocol):
    """What is served: an ASGI application that can be told that it draws to an end."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    def close_connections(self) -> None:
        """From now on every answer closes its connection."""
        ...


class BoundedHead(HttpToolsProtocol):
    """Uvicorn's protocol, with bounds on a request's head: on its time and on its size."""

    _due: asyncio.TimerHandle | None = None
    _bytes = 0

    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        before_the_first = self.cycle is None  # pyright: ignore[reportUnnecessaryComparison] - the stub forgets it
        if self._due is None and (before_the_first or self.cycle.response_complete):
            self._expect_head()
        super().data_received(data)
        if self._due is not None:
            self._bytes += len(data)
            if self._bytes > HEAD_BYTES:
                self._forget()
                self.send_400_response("The request's head is too large.")

    def on_headers_complete(self) -> None:
        self._forget()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._bytes = 0
        self._due = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _forget(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


class Server(uvicorn.Server):
    """Serves one application on a listening socket until `stop`."""

    def __init__(
        self, app: Application, connections: int = 1000, when_ready: Callable[[], None] = lambda: None
    ) -> None:
        """``connections`` beyond which requests are answered 503; ``when_ready`` is called once requests are taken."""
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedHead,
                ws="websockets-sansio",
                ws_max_size=MESSAGE_BYTES,
                ws_per_message_deflate=False,
                lifespan="on",
                backlog=BACKLOG,
                limit_concurrency=connections,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=FINISH_SECONDS,
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
            )
        )
        self._app = app
        self._when_ready = when_ready
        self._drain_seconds = 0.0

    def stop(self, *, drain: bool = False) -> None:
        """End: answer who has asked. ``drain``: keep connections without a request for a while, for their next one."""
        self._drain_seconds = DRAIN_SECONDS if drain else 0.0
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        self._app.close_connections()
        for connection in list(self.server_state.connections):
            if isinstance(connection, WebSocketsSansIOProtocol):
                connection.shutdown()
        end = self._now() + self._drain_seconds
        while self.server_state.connections and self._now() < end:
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are the process's own matter."""
        yield

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at ``host``, an address of either family. Raises: OSError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def passed_on() -> socket.socket | None:
    """The socket that a service manager has passed on to this very process, if it has: the same to each of several."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    return socket.socket(fileno=_FIRST_PASSED)
