"""A load of HTTP requests over kept connections, too cheap to be what is measured; and the rounds of a contest."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import uvloop

ROUNDS = 7
"""Odd, so that the median is a round that happened."""


@dataclass(frozen=True)
class Request:
    """One POST, ready to be written."""

    raw: bytes

    @classmethod
    def post(cls, path: str, body: Any, **headers: str) -> Request:
        """``headers`` with underscores for hyphens."""
        content = json.dumps(body).encode()
        given = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{given}"
        return cls(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)


async def _send(port: int, requests: Sequence[Request], right: Callable[[bytes], bool]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        writer.write(request.raw)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 20") or not right(body):
            raise RuntimeError(f"{head[:60]!r} {body[:500]!r}")
    writer.close()


def per_second(port: int, lanes: Sequence[Sequence[Request]], right: Callable[[bytes], bool]) -> float:
    """Send every lane's requests, the lanes at once and each on a connection of its own: answers a second."""

    async def run() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(_send(port, lane, right) for lane in lanes))
        return sum(map(len, lanes)) / (time.perf_counter() - began)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def contest(
    name: str, ours: Callable[[], float], peer: Callable[[], float], goal: float, how_many: int = ROUNDS
) -> str:
    """Rounds of both in turn, each first as often as the other; the closing line."""
    for warming_up in (ours, peer):
        warming_up()
    rounds = [(ours(), peer()) if number % 2 else (peer(), ours())[::-1] for number in range(how_many)]
    mine, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = mine / theirs
    verdict = "ok" if ratio >= goal else "short"
    return f"bench {name} ours={mine:.0f}/s peer={theirs:.0f}/s ratio={ratio:.2f} goal={goal:.2f} {verdict}"
