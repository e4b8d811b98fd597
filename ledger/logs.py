"""The transparency logs over one ledger's history: usually one; another begins when history was rewound behind it.

A log is a name, a key and a folder of checkpoints, all with the log's number. What an earlier log published stays as it
is, for evidence. The name is the first line of every checkpoint, so no two logs' checkpoints are taken for each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from ledger.kms import CHECKPOINT, Kms
from ledger.publication import Publication
from ledger.signer import public_file

_PUBLIC: Final = re.compile(rf"{CHECKPOINT}-([0-9]+)\.pub")
_ORIGIN: Final = re.compile(r".*/([0-9]+)")


@dataclass(frozen=True)
class Log:
    """The log ``number``, from 1, of the ledger that belongs with ``key_store``; ``folder`` is the first log's."""

    number: int
    key_store: UUID
    folder: Path

    @property
    def origin(self) -> str:
        """The log's name."""
        return f"sarkmeli/{self.key_store}" + (f"/{self.number}" if self.number > 1 else "")

    @property
    def publication(self) -> Publication:
        """Its checkpoints."""
        return publication_of(self.folder, self.number)

    @property
    def next(self) -> Log:
        """The log that follows it."""
        return Log(self.number + 1, self.key_store, self.folder)


def current_log(kms: Kms, key_store: UUID, folder: Path) -> Log:
    """The log that is signed for now: that of the newest key, the first if there is none. Raises: KmsUnavailable."""
    return Log(max(kms.versions(CHECKPOINT), default=1), key_store, folder)


def publication_of(folder: Path, number: int) -> Publication:
    """The checkpoints of the log ``number``: the folder itself holds the first log's."""
    return Publication(folder if number == 1 else folder / f"log-{number}")


def newest_public_file(keys: Path) -> Path:
    """Where the newest log's verifier key stands, for whoever checks and has no key."""
    return public_file(keys, newest_number(keys))


def newest_number(keys: Path) -> int:
    """The newest log's number, by the verifier keys that are there; 1 if there is none."""
    found = [_PUBLIC.fullmatch(path.name) for path in keys.glob(f"{CHECKPOINT}-*.pub")]
    return max((int(one[1]) for one in found if one), default=1)


def number_of(origin: str) -> int:
    """The number of the log that is called so."""
    found = _ORIGIN.fullmatch(origin)
    return int(found[1]) if found else 1
