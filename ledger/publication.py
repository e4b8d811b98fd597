"""Published checkpoints: a folder with a file for each, where no later one ever replaces an earlier one.

The folder is meant to be copied, or mounted from elsewhere, to where whoever may change the database may not write.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from ledger.checkpoint import LARGEST_NOTE
from ledger.signer import replace_file, sync_folder, write_draft

_NAME: Final = re.compile(r"([0-9]{20})\.checkpoint")
LATEST: Final = "latest"
READABLE: Final = 0o644
"""By everybody, as far as the process's umask and the folder above let them: there is nothing secret in it."""


class AnotherPublished(Exception):
    """A checkpoint of this size was published with other words: two histories were signed, or a file was changed."""


class Publication:
    """``SIZE.checkpoint`` (20 digits) for each checkpoint, and ``latest``, a copy of the last one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publish(self, size: int, note: str) -> None:
        """Have the note in its file, on disk. May be repeated. Raises: AnotherPublished."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(size)
        content = note.encode()
        draft = write_draft(path, content, READABLE)
        try:
            os.link(draft, path)  # unlike rename, never replaces what was published
        except FileExistsError:
            if path.read_bytes() != content:
                raise AnotherPublished(f"{path} holds another checkpoint of {size} events") from None
        finally:
            draft.unlink()
        sync_folder(self.folder)
        replace_file(self.folder / LATEST, content, READABLE)

    def sizes(self) -> list[int]:
        """The sizes of all published checkpoints, smallest first."""
        try:
            names = [entry.name for entry in os.scandir(self.folder)]
        except FileNotFoundError:
            return []
        return sorted(int(found[1]) for name in names if (found := _NAME.fullmatch(name)))

    def latest(self) -> bytes:
        """The note of the last checkpoint, not yet believed. Raises: OSError."""
        return self._content(self.folder / LATEST)

    def read(self, size: int) -> bytes:
        """The note, not yet believed. Raises: OSError."""
        return self._content(self._path(size))

    def name(self, size: int) -> str:
        """The file's name, to be told."""
        return self._path(size).name

    @staticmethod
    def _content(path: Path) -> bytes:
        with path.open("rb") as file:
            return file.read(LARGEST_NOTE + 1)

    def _path(self, size: int) -> Path:
        return self.folder / f"{size:020d}.checkpoint"
