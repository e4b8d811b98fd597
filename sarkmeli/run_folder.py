"""The one folder that `run` keeps everything under: who holds it, where its service listens, and beginning anew."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

OURS = (
    "postgres", "postgres.unfinished", "kafka", "warehouse", "analytics", "socket", "keys", "checkpoints", "files",
    "sandbox", "logs", "metrics", "running.json", "addresses.json",
)  # fmt: skip
"""What beginning anew removes: these names and nothing else, whatever folder was given."""


class AlreadyRuns(Exception):
    """Another `run` holds the folder; ``addresses`` says where it listens, if it is ready."""

    def __init__(self, pid: int | None, addresses: Addresses | None) -> None:
        super().__init__(f"it already runs (process {pid})" if pid else "it already runs")
        self.addresses = addresses


class NotBegunAnew(Exception):
    """The folder's files could not be removed."""


@dataclass(frozen=True)
class Addresses:
    """Where a running service and its sandbox listen: written when all is ready, removed at the end.

    ``kafka`` are the brokers that the relay speaks to, if there are any.
    """

    url: str
    sandbox: str
    smtp_port: int
    kafka: str = ""


class RunFolder:
    """A folder, held by one process at a time from `hold` until it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.running = self.path / "running.json"
        self.logs = self.path / "logs"
        self._addresses = self.path / "addresses.json"
        self._lock: int | None = None

    def hold(self) -> int:
        """Take the folder; the lock's descriptor, which children must close. Raises: AlreadyRuns."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(lock, 32, 0).strip()
            os.close(lock)
            raise AlreadyRuns(int(holder) if holder.isdigit() else None, self.addresses()) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock
        self.withdraw()
        return lock

    def held(self) -> bool:
        """Whether some process holds the folder now."""
        try:
            lock = os.open(self.path / "lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(lock)
        return False

    def begin_anew(self) -> None:
        """Remove everything that an earlier run left. Hold the folder, and end what it left running, before."""
        for name in OURS:
            path = self.path / name
            try:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            except OSError as error:
                raise NotBegunAnew(f"{path} could not be removed: {error}") from error

    def empty(self, name: str) -> Path:
        """A folder of ours with nothing in it."""
        path = self.path / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        return path

    def announce(self, addresses: Addresses) -> None:
        """Say where the service listens."""
        draft = self._addresses.with_suffix(".new")
        draft.write_text(json.dumps(asdict(addresses)))
        draft.replace(self._addresses)

    def withdraw(self) -> None:
        """Nothing listens any more."""
        self._addresses.unlink(missing_ok=True)

    def addresses(self) -> Addresses | None:
        """Where the running service listens, once it is ready."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return Addresses(**json.loads(self._addresses.read_text()))
        return None
