"""Starting one process that dies with its parent, and knowing later whether it is still the same one."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4

Ready = Callable[[], None]
"""What a part calls once it does its work."""
Body = Callable[[Ready], None]
"""What a forked part does until it is told to end."""
Spawn = Callable[[int, int], int]
"""Starts a process whose lines go to the first file descriptor and which writes a byte to the second when it is
ready; gives its process id."""

_prctl = getattr(ctypes.CDLL(None), "prctl", None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for another one that got its number later."""

    name: str
    pid: int
    started: float

    @classmethod
    def of(cls, name: str, pid: int) -> Identity:
        """The process ``pid`` as it is now. Raises: psutil.NoSuchProcess."""
        return cls(name, pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The process, if it still runs."""
        try:
            found = psutil.Process(self.pid)
            same = found.create_time() == self.started and found.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return found if same else None


def record(path: Path, running: Sequence[Identity]) -> None:
    """Replace the file of what runs, at once."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps([asdict(identity) for identity in running], indent=1))
    draft.replace(path)


def recorded(path: Path) -> list[Identity]:
    """What ran when the file was last written; empty if there is none or it is not whole."""
    try:
        return [Identity(**entry) for entry in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError):
        return []


def end(leftovers: Sequence[Identity], patience: float = 5.0) -> int:
    """End those that still run, politely first; how many there were."""
    found = [process for identity in leftovers if (process := identity.process()) is not None]
    for kind in (signal.SIGTERM, signal.SIGKILL):
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(kind)
        if not still_there(found, patience):
            break
    return len(found)


def still_there(processes: Sequence[psutil.Process], patience: float) -> list[psutil.Process]:
    """Those that have not ended within ``patience`` seconds. One that its parent has not buried yet has ended."""
    until = time.monotonic() + patience
    while left := [process for process in processes if _lives(process)]:
        if time.monotonic() > until:
            return left
        time.sleep(0.01)
    return []


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def die_with(parent: int, kind: signal.Signals) -> None:
    """Have the kernel send ``kind`` to this process when ``parent`` ends, however that happens (Linux only)."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, int(kind), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def tell_service_manager() -> None:
    """Say that the work has begun, to a service manager that asked to be told (systemd's ``Type=notify``)."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.connect("\0" + address[1:] if address.startswith("@") else address)
            manager.sendall(b"READY=1")


def leave_no_core() -> None:
    """Have no image of this process's memory, or of its children's, written to disk when it dies: it holds keys and
    what people told us. A debugger of the same user does not get in either (Linux only).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _prctl is not None:
        _prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def forked(body: Body, close: Callable[[], Sequence[int]]) -> Spawn:
    """A part that is this program itself, already loaded: it starts at once and shares its memory.

    ``close`` names the parent's descriptors that the child must not hold (locks, other children's pipes). The parent
    must have one thread only.
    """

    def spawn(output: int, ready: int) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        gc.freeze()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            _become_child(parent, output, close())
            body(lambda: _tell(ready))
            status = 0
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else int(left.code is not None)
            if isinstance(left.code, str):
                print(left.code, file=sys.stderr)  # noqa: T201 - the last words of a process, after its logs
        except BaseException as error:  # noqa: BLE001 - the edge of a process
            from sarkmeli.failures import told

            print(told((type(error), error, error.__traceback__)), file=sys.stderr)  # noqa: T201 - as above
        finally:
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    return spawn


def executed(arguments: Sequence[str], environment: dict[str, str], folder: Path) -> Spawn:
    """A part that is another program. It does not tell when it is ready; it must be asked."""

    def spawn(output: int, _: int) -> int:
        parent = os.getpid()
        return subprocess.Popen(  # noqa: S603 - arguments are ours
            arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            env=environment, cwd=folder, preexec_fn=lambda: die_with(parent, signal.SIGKILL),
        ).pid  # fmt: skip

    return spawn


def _become_child(parent: int, output: int, close: Sequence[int]) -> None:
    os.setsid()
    die_with(parent, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(kind, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    for descriptor in close:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    sys.stdout.reconfigure(line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def _tell(ready: int) -> None:
    os.write(ready, b"1")
    os.close(ready)
