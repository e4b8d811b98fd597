"""Turns the epoch in a child that kills itself at its n-th step, for every n, until one gets through; looks after each.

Run as a program: KEYS_CONNINFO KEY_FOLDER. A step is a call to the key management service or to PostgreSQL, and the
child dies before it. Prints how many steps a turn has; anything else is a fault.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import psycopg

from ledger import epochs
from ledger.kms import EPOCH, KeyFolder
from ledger.minting import place

epochs.BATCH = 2  # pyright: ignore


class Dying:
    """Counts steps and dies at one."""

    def __init__(self, at: int) -> None:
        self.steps = 0
        self.at = at

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner: Any, *names: str) -> None:
        for name in names:
            setattr(owner, name, self._watched(getattr(owner, name)))

    def _watched(self, work: Any) -> Any:
        def watched(*args: Any, **kwargs: Any) -> Any:
            self.step()
            return work(*args, **kwargs)

        return watched


def turn(conninfo: str, folder: Path, at: int) -> bool:
    """Whether the child that dies at step ``at`` got through all the same."""
    if (child := os.fork()) == 0:
        dying = Dying(at)
        kms = KeyFolder(folder)
        dying.watch(kms, "create", "enable", "fingerprint", "unwrap", "wrap", "disable", "destroy", "versions")
        dying.watch(psycopg.Connection, "execute")
        dying.watch(psycopg.Cursor, "execute")
        epochs.turn_epoch(conninfo, kms)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, status
    return status == 0


def check(conninfo: str, folder: Path, secrets: dict[Any, bytes], erased: set[Any]) -> None:
    kms = KeyFolder(folder)
    with psycopg.connect(conninfo) as connection:
        found = connection.execute("SELECT id, key_id, epoch, wrapped FROM keystore.subject").fetchall()
        destroyed = {number for (number,) in connection.execute(
            "SELECT number FROM keystore.epoch WHERE destroyed_at IS NOT NULL")}  # fmt: skip
        newest = connection.execute("SELECT max(number) FROM keystore.epoch WHERE closed_at IS NULL").fetchone()
    assert newest
    assert newest[0] in kms.versions(EPOCH), "whoever is minted now finds a key"
    for subject, key_id, epoch, wrapped in found:
        if subject in erased:
            assert wrapped is None
        else:
            assert epoch not in destroyed
            assert kms.unwrap(EPOCH, epoch, wrapped, place(subject, key_id)) == secrets[subject]


def main() -> None:
    conninfo, folder = sys.argv[1], Path(sys.argv[2])
    kms = KeyFolder(folder)
    with psycopg.connect(conninfo) as connection:
        found = connection.execute("SELECT id, key_id, epoch, wrapped FROM keystore.subject").fetchall()
    erased = {subject for subject, _, _, wrapped in found if wrapped is None}
    secrets = {
        subject: kms.unwrap(EPOCH, epoch, wrapped, place(subject, key_id))
        for subject, key_id, epoch, wrapped in found
        if subject not in erased
    }
    at = 1
    while not turn(conninfo, folder, at):
        check(conninfo, folder, secrets, erased)
        at += 1
    check(conninfo, folder, secrets, erased)
    print(at - 1)  # noqa: T201


if __name__ == "__main__":
    main()
