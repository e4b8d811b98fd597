"""Whether the time of an answer tells what its words do not: who has an account, a registration, a number.

Pairs of requests, one of each kind, alternate in an order that chance decides, over one connection, to a process of the
API beside an office whose other processes stand still. Their times must be equivalent within the margin. The same
pairs go to a process into which a delay was built where something is known: a bench that does not find that leak would
find none. A line's ``ours`` is the least margin within which the times are equivalent, ``peer`` the same of the leak.

Hashes cost less here than in production: one is made in any case, and what would be lost in its noise is to be seen.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg

from api.reading import caught_up
from bench.accounts import active, filed
from bench.commands import alone
from bench.equivalence import FEWEST, least_margin, p_of_equivalence, p_of_excess
from bench.load import Request
from domain.language import Language
from domain.number import new_number
from domain.taxpayer.accounts import Account
from projections.registration import REGISTRATION
from sarkmeli import embedded
from sarkmeli.house import House, open_house
from sarkmeli.logs import configure
from sarkmeli.outside import OPERATIONS
from sarkmeli.parts import serve_api
from sarkmeli.serving import listen
from sarkmeli.settings import Settings
from sarkmeli.throw_away import throw_away_office

PAIRS = 1500
"""A third of them for the built-in leak: what is to be found is four times the margin."""
MARGIN = 0.5
"""Milliseconds."""
ALPHA = 0.001
LEAK = 2.0
"""Milliseconds, where something is known."""
MOST = 50.0
"""Milliseconds: the widest margin that is looked at."""
COST = "m=4096,t=1,p=1"
"""A few milliseconds: more than the margin by far, should one be left out."""
EACH = 8
"""Of each kind that is asked for in turn, so that nothing is measured of one row."""
AT_A_TIME = 3
"""Pairs before an hour passes for the throttles: less than any of them bears."""

_AN_HOUR_PASSES = "DELETE FROM housekeeping.{}"
_COUNTERS = ("look_up", "hourly", "link_request")
_KNOWN, _UNKNOWN = "99", "98"
"""How codes begin of which we know, and of which nobody does."""


@dataclass(frozen=True)
class Comparison:
    """Two kinds of requests that must take the same time. ``first`` is the kind of which less is known."""

    name: str
    first: Sequence[Request]
    second: Sequence[Request]


class Caller:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def milliseconds(self, request: Request) -> tuple[float, bytes]:
        """How long the answer took from the last byte sent, and its body."""
        self._socket.sendall(request.raw)
        began = time.perf_counter_ns()
        received = self._socket.recv(65536)
        took = time.perf_counter_ns() - began
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        while len(body) < length:
            body += self._socket.recv(65536)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{head[:60]!r} {body[:500]!r}")
        return took / 1e6, body


def main(pairs: int = PAIRS) -> None:
    """Print a line for each comparison."""
    with throw_away_office() as (folder, _):
        with open_house(Settings(folder=folder.path, password_cost=COST)) as house:
            comparisons = prepared(house)
        with psycopg.connect(embedded.conninfo(folder.path, "sarkmeli"), autocommit=True) as db:
            for one in comparisons:
                ours = alone(folder, partial(measured, one, folder.path, 0.0, pairs, db))
                leaking = alone(folder, partial(measured, one, folder.path, LEAK, max(pairs // 3, FEWEST), db))
                print(told(one.name, ours, leaking), flush=True)


def told(name: str, ours: Sequence[float], leaking: Sequence[float]) -> str:
    """The line: ``ok`` if the times are equivalent, ``short`` if that was not shown, ``blind`` if no leak was seen."""
    equal = p_of_equivalence(ours, MARGIN) < ALPHA
    caught = p_of_excess(leaking, MARGIN) < ALPHA
    mine, theirs = least_margin(ours, ALPHA, MOST), least_margin(leaking, ALPHA, MOST)
    verdict = "ok" if equal and caught else "short" if caught else "blind"
    figures = f"ours={mine:.3f}ms peer={theirs:.3f}ms ratio={mine / theirs:.2f} goal={MARGIN:.2f}ms"
    return f"bench timing-{name} {figures} {verdict}"


def measured(one: Comparison, folder: Path, leak: float, pairs: int, db: psycopg.Connection[Any]) -> list[float]:
    """As `differences`, of a process of its own."""
    with serving(folder, leak) as port:
        return differences(one, port, pairs, db)


def differences(one: Comparison, port: int, pairs: int, db: psycopg.Connection[Any]) -> list[float]:
    """How much longer the second kind took, pair by pair, in milliseconds."""
    chance = random.Random(1)
    first, second = cycle(one.first), cycle(one.second)
    found: list[float] = []
    caller = Caller(port)
    gc.disable()
    try:
        for number in range(-EACH, pairs):  # what comes before 0 warms up
            if number % AT_A_TIME == 0:
                for table in _COUNTERS:
                    db.execute(_AN_HOUR_PASSES.format(table))  # type: ignore[arg-type]
            pair = [(0, next(first)), (1, next(second))]
            chance.shuffle(pair)
            took, bodies = [0.0, 0.0], [b"", b""]
            for which, request in pair:
                took[which], bodies[which] = caller.milliseconds(request)
            if bodies[0] != bodies[1]:
                raise RuntimeError(f"not even answered alike: {bodies}")
            if number >= 0:
                found.append(took[1] - took[0])
    finally:
        gc.enable()
        caller.close()
    return found


def prepared(house: House) -> list[Comparison]:
    """Accounts and registrations of which something is known, and requests about them and about nobody."""
    accounts = [active(house) for _ in range(EACH)]
    waiting = [filed(house) for _ in range(EACH)]
    caught_up(house.ports, REGISTRATION, house.ledger.reader.settled())
    nobody = [f"taxpayer-{uuid4().hex[:12]}" for _ in range(EACH)]
    wrong = [signing_in(one.username, "Wrong7-password") for one in accounts]
    return [
        Comparison("sign-in-unknown", [signing_in(name, "Wrong7-password") for name in nobody], wrong),
        Comparison("sign-in-not-active", [signing_in(one.username, one.password) for one in waiting], wrong),
        Comparison(
            "link-request",
            [asking_for_link(_UNKNOWN + one.identification[2:]) for one in waiting],
            [asking_for_link(one.identification) for one in waiting],
        ),
        Comparison(
            "look-up",
            [looking_up(str(new_number()), one.code) for one in waiting],
            [looking_up(one.number, other(one.code)) for one in waiting],
        ),
    ]


def signing_in(username: str, password: str) -> Request:
    return operation("SignIn", {"input": {"username": username, "password": password}})


def asking_for_link(identification: str) -> Request:
    return operation("SendActivationLink", {"input": {"identification": identification}})


def looking_up(number: str, code: str) -> Request:
    return operation("Status", {"number": number, "code": code})


def operation(name: str, variables: dict[str, Any]) -> Request:
    query = (OPERATIONS / f"{name}.graphql").read_text(encoding="utf-8")
    return Request.post("/graphql", {"query": query, "variables": variables}, Accept_Language="en")


def other(code: str) -> str:
    """A code that differs in its last character."""
    return code[:-1] + ("0" if code[-1] != "0" else "1")


# The process that is asked.


@contextmanager
def serving(folder: Path, leak: float) -> Generator[int]:
    """A process of the API, with a delay of so many milliseconds where something is known; its port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    ready, tell = os.pipe()
    asked = json.dumps([str(folder), port, leak, tell])
    process = subprocess.Popen([sys.executable, "-m", "bench.timing", "serve", asked], pass_fds=(tell,))
    os.close(tell)
    try:
        if not os.read(ready, 1):
            raise RuntimeError("the API did not start")
        yield port
    finally:
        os.close(ready)
        process.send_signal(signal.SIGTERM)
        process.wait()


def serve(folder: Path, port: int, leak: float, tell: int) -> None:
    """Serve until SIGTERM."""

    def ready() -> None:
        os.write(tell, b"1")

    settings = Settings(folder=folder, port=port, password_cost=COST, log_level="error")
    configure(settings)
    with open_house(settings) as house:
        if leak:
            leaking(house, leak / 1000)
        serve_api(house, ready, listen("127.0.0.1", port))


def leaking(house: House, seconds: float) -> None:
    """Build in the delay: as a question asked only of what is known would take, in the thread that works for it."""
    named, find, ask = house.accounts.named, house.office.find, house.link_requests.ask

    def slower_named(username: str) -> Account | None:
        account = named(username)
        if account is not None:
            time.sleep(seconds)
        return account

    def slower_find(kind: str, value: str) -> UUID | None:
        found = find(kind, value)
        if found is not None and kind == "number":
            time.sleep(seconds)
        return found

    def slower_ask(identification: str, address: str, language: Language) -> None:
        ask(identification, address, language)
        if identification.startswith(_KNOWN):
            time.sleep(seconds)

    house.accounts.named = slower_named
    house.office.find = slower_find
    house.link_requests.ask = slower_ask


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        where, at, delay, descriptor = json.loads(sys.argv[2])
        serve(Path(where), at, delay, descriptor)
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS)
