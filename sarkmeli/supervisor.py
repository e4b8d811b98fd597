"""Keeps the parts of the office running: starts them, passes on what they say, restarts the dead, stops all in order.

One thread and one loop. A part is a process; what it prints goes to ``logs/<part>.log`` and, with its name in front,
to the terminal. A killed supervisor takes its parts with it (see `processes.die_with`); what outlives it all the same
is found again by the identities in ``running.json``.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sarkmeli.processes import Body, Identity, Spawn, forked, record

FIRST_DELAY = 0.1
LONGEST_DELAY = 10.0
STEADY = 2.0
"""Seconds for which a part must have been ready for its next death to count as the first again."""
PATIENCE = 10.0
"""Seconds that a part has to end by itself before it is killed."""

COLOURS = ("36", "32", "35", "34", "33", "96", "92")
ESCAPE = re.compile(rb"\x1b\[[0-9;]*m")


class Failed(Exception):
    """Something that must work for the office to run did not."""


class Stopped(Exception):
    """Somebody asked to stop."""


@dataclass(frozen=True)
class Part:
    """One process of the office. ``answers`` is asked whether it is ready, where it does not tell by itself."""

    name: str
    spawn: Spawn
    answers: Callable[[], bool] | None = None
    shown: bool = True
    stop: signal.Signals = signal.SIGTERM
    ground: bool = False
    """Others stand on it: it ends last."""
    before_again: Callable[[], object] | None = None
    """Done before it is started again: cleaning up after a sudden end."""


@dataclass
class _Life:
    """A part's present process, or the wait for the next."""

    part: Part
    colour: str
    log: BinaryIO
    identity: Identity | None = None
    output: int = -1
    told: int = -1
    ready_since: float | None = None
    deaths: int = 0
    again_at: float | None = None
    rest: bytes = b""


@dataclass
class Supervisor:
    """Runs parts until `stop`. ``keep_closed`` are descriptors that no part may hold."""

    logs: Path
    running: Path
    keep_closed: Sequence[int] = ()
    colours: bool = False
    _lives: dict[str, _Life] = field(default_factory=dict[str, _Life])
    _asked_to_stop: int = 0

    def __post_init__(self) -> None:
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _wake)
        for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(kind, self._ask_to_stop)

    def start(self, part: Part) -> None:
        """Start a part; it is kept running from now on."""
        log = self.logs / f"{part.name}.log"
        if part.name not in self._lives:
            if log.exists():
                log.replace(log.with_suffix(".earlier.log"))
            colour = COLOURS[len(self._lives) % len(COLOURS)]
            self._lives[part.name] = _Life(part, colour, log.open("ab", buffering=0))
        self._spawn(self._lives[part.name])

    def once(self, name: str, body: Body) -> Callable[[], None]:
        """Start something that ends by itself; the function given back waits for that. Raises: Failed, Stopped."""
        self.start(Part(name, forked(body, self.own_descriptors)))
        life = self._lives[name]

        def wait() -> None:
            while (status := self._reaped(life)) is None:
                self._listen(1.0)
                self._stop_if_asked()
            self._bury(life)
            del self._lives[name]
            life.log.close()
            if status:
                raise Failed(f"{name} failed; its words are above and in {self.logs / name}.log")

        return wait

    def wait_until_ready(self, timeout: float, *names: str) -> None:
        """Until every part is, or those named. Raises: Failed if one ends or ``timeout`` seconds go by, Stopped."""
        end = time.monotonic() + timeout
        meant = [self._lives[name] for name in names] or self._all()
        while waiting := [life for life in meant if life.ready_since is None]:
            self._listen(0.03)
            self._stop_if_asked()
            for life in waiting:
                if self._reaped(life) is not None:
                    self._bury(life)
                    raise Failed(f"{life.part.name} did not start; see {life.log.name}")
            if time.monotonic() > end:
                late = ", ".join(life.part.name for life in waiting)
                raise Failed(f"not ready within {timeout:.0f} s: {late}; see {self.logs}")

    def keep(self) -> None:
        """Keep every part running until somebody asks to stop."""
        while not self._asked_to_stop:
            now = time.monotonic()
            due = [life.again_at - now for life in self._lives.values() if life.again_at is not None]
            asking = any(life.identity and life.ready_since is None and life.part.answers for life in self._all())
            self._listen(max(0.0, min([*due, 0.1 if asking else 60.0])))
            for life in self._all():
                if life.identity is not None and (status := self._reaped(life)) is not None:
                    self._died(life, status)
                elif life.again_at is not None and life.again_at <= time.monotonic():
                    self._again(life)

    def stop(self) -> None:
        """End every part, those that the others stand on last; a second request kills those that linger."""
        for ground in (False, True):
            wave = [life for life in self._all() if life.part.ground is ground]
            for life in wave:
                life.again_at = None
                self._signal(life, life.part.stop)
            end = time.monotonic() + PATIENCE
            while lingering := [life for life in wave if not self._ended(life)]:
                self._listen(0.05)
                if time.monotonic() > end or self._asked_to_stop > 1:
                    end = time.monotonic() + PATIENCE
                    for life in lingering:
                        self._say(life, "does not end; it is killed")
                        self._signal(life, signal.SIGKILL)
        self._record()

    def own_descriptors(self) -> list[int]:
        """What belongs to the supervisor alone."""
        pipes = [descriptor for life in self._all() for descriptor in (life.output, life.told) if descriptor >= 0]
        files = [life.log.fileno() for life in self._all()]
        return [*self.keep_closed, self._selector.fileno(), self._woken.fileno(), self._waker.fileno(), *pipes, *files]

    def say(self, text: str) -> None:
        """A line of the supervisor's own."""
        self._print(f"\x1b[1m{'office':<9}\x1b[0m │ {text}" if self.colours else f"{'office':<9} │ {text}")

    def _all(self) -> list[_Life]:
        return list(self._lives.values())

    def _spawn(self, life: _Life) -> None:
        output, their_output = os.pipe()
        told, their_told = os.pipe()
        life.output, life.told = output, told
        try:
            pid = life.part.spawn(their_output, their_told)
        finally:
            os.close(their_output)
            os.close(their_told)
        life.identity = Identity.of(life.part.name, pid)
        life.again_at = life.ready_since = None
        os.set_blocking(output, False)
        os.set_blocking(told, False)
        self._selector.register(output, selectors.EVENT_READ, life)
        self._selector.register(told, selectors.EVENT_READ, life)
        self._record()

    def _record(self) -> None:
        record(self.running, [life.identity for life in self._all() if life.identity is not None])

    def _listen(self, timeout: float) -> None:
        """Pass on what parts say for at most ``timeout`` seconds, and note who is ready."""
        for key, _ in self._selector.select(timeout):
            life: _Life | None = key.data
            if life is None:
                while self._drain_wakeups():
                    pass
            elif key.fd == life.output:
                self._pass_on(life)
            elif key.fd == life.told:
                if os.read(life.told, 16):
                    life.ready_since = time.monotonic()
                self._selector.unregister(life.told)
                os.close(life.told)
                life.told = -1
        for life in self._all():
            if life.identity and life.ready_since is None and life.part.answers is not None and life.part.answers():
                life.ready_since = time.monotonic()

    def _drain_wakeups(self) -> bool:
        try:
            return bool(self._woken.recv(4096))
        except BlockingIOError:
            return False

    def _pass_on(self, life: _Life) -> None:
        try:
            said = os.read(life.output, 65536)
        except BlockingIOError:
            return
        if not said:
            self._selector.unregister(life.output)
            os.close(life.output)
            life.output = -1
        *lines, life.rest = (life.rest + said).split(b"\n")
        if not said and life.rest:
            lines, life.rest = [*lines, life.rest], b""
        for line in lines:
            with contextlib.suppress(OSError):  # a full disk must not end the supervisor, too
                life.log.write(ESCAPE.sub(b"", line) + b"\n")
            if life.part.shown:
                self._say(life, line.decode(errors="replace"))

    def _reaped(self, life: _Life) -> int | None:
        """The status of a part's process if it has ended: its exit code, or the signal's number negated."""
        assert life.identity is not None
        try:
            pid, status = os.waitpid(life.identity.pid, os.WNOHANG)
        except ChildProcessError:
            return -signal.SIGKILL
        return os.waitstatus_to_exitcode(status) if pid else None

    def _bury(self, life: _Life) -> None:
        """After its process has ended: say its last words, close its pipes (a child of its may still hold them)."""
        while life.output >= 0 and _readable(life.output):
            self._pass_on(life)
        for descriptor in (life.output, life.told):
            if descriptor >= 0:
                self._selector.unregister(descriptor)
                os.close(descriptor)
        life.output = life.told = -1
        life.identity = None

    def _died(self, life: _Life, status: int) -> None:
        if life.ready_since is not None and time.monotonic() - life.ready_since >= STEADY:
            life.deaths = 0
        self._bury(life)
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
        self._put_off(life, f"ended, {how}")
        self._record()

    def _again(self, life: _Life) -> None:
        try:
            if life.part.before_again is not None:
                life.part.before_again()
            self._spawn(life)
        except (OSError, RuntimeError) as error:
            self._put_off(life, f"could not be started: {error}")
            return
        assert life.identity is not None
        self._say(life, f"started again as process {life.identity.pid}")

    def _put_off(self, life: _Life, why: str) -> None:
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2**life.deaths)
        life.deaths += 1
        life.again_at = time.monotonic() + delay
        self._say(life, f"{why}; it is started again in {delay:.1f} s")

    def _ended(self, life: _Life) -> bool:
        if life.identity is not None and self._reaped(life) is not None:
            self._bury(life)
        return life.identity is None

    def _signal(self, life: _Life, kind: signal.Signals) -> None:
        if life.identity is not None and (process := life.identity.process()) is not None:
            process.send_signal(kind)

    def _ask_to_stop(self, *_: object) -> None:
        self._asked_to_stop += 1

    def _stop_if_asked(self) -> None:
        if self._asked_to_stop:
            raise Stopped

    def _say(self, life: _Life, text: str) -> None:
        name = f"{life.part.name:<9}"
        self._print(f"\x1b[{life.colour}m{name}\x1b[0m │ {text}" if self.colours else f"{name} │ {text}")

    def _print(self, line: str) -> None:
        try:
            print(line, flush=True)  # noqa: T201 - the terminal is where the supervisor speaks
        except OSError:
            # The terminal is gone; the logs are not.
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def _wake(*_: object) -> None:
    """Does nothing: that the signal came is written to the wake-up descriptor."""


def _readable(descriptor: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(0))
