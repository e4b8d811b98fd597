"""Who was erased, in a file outside both databases, so that no restored backup brings anybody back.

Subjects' ids and times stand in it and nothing personal. It is not restored with the databases: keep it on storage of
its own, and copy it as often as it changes.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID
from zlib import crc32

from domain.people import SubjectId

NAME: Final = "erased"

MODE: Final = 0o640
"""Every process that opens the house reads it, and may have an account of its own; its folder says who may at all."""


class RegisterDamaged(Exception):
    """A line of the register is not what was written: an erased person could be forgotten.

    Remedy: put an undamaged copy in its place, and then begin the restore again.
    """


@dataclass(frozen=True)
class Mark:
    """Up to where a register was read: so many bytes, and the last line there, by which it is known again."""

    size: int
    line: str

    def is_in(self, descriptor: int, end: int) -> bool:
        """Whether it was set in this register, of whose bytes ``end`` are whole lines."""
        last = f"{self.line}\n".encode("latin-1")
        return 0 < len(last) <= self.size <= end and os.pread(descriptor, len(last), self.size - len(last)) == last


NOWHERE: Final = Mark(0, "")


class ErasureRegister:
    """A file ``erased`` in ``folder``, a line for each subject: time in UTC, subject's id, CRC-32 of both.

    Lines are only ever added, each on disk before `add` returns. A last line that lacks its end was never answered for:
    it is passed over, and the next `add` takes its place. Safe for many threads and processes on one machine.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def add(self, subjects: Iterable[SubjectId], at: datetime) -> None:
        """Have the subjects in the register, on disk. May be repeated. Raises: OSError, with nothing promised."""
        lines = "".join(_line(subject, at) for subject in subjects).encode()
        new = not self.path.exists()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._held(os.O_RDWR | os.O_APPEND | os.O_CREAT, fcntl.LOCK_EX) as descriptor:
            os.ftruncate(descriptor, _end_of_whole_lines(descriptor))
            left = memoryview(lines)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        if new:
            _sync(self.path.parent)

    def subjects(self) -> frozenset[SubjectId]:
        """All who were ever added; none if there is no register yet. Raises: RegisterDamaged, OSError."""
        return frozenset(self.since(NOWHERE)[0])

    def since(self, mark: Mark) -> tuple[list[SubjectId], Mark]:
        """Who was added behind ``mark``, and the mark of the end; everybody, if this is not the register it was set in.

        Raises: RegisterDamaged, OSError.
        """
        try:
            with self._held(os.O_RDONLY, fcntl.LOCK_SH) as descriptor:
                end = _end_of_whole_lines(descriptor)
                begin = mark.size if mark.is_in(descriptor, end) else 0
                with open(descriptor, "rb", closefd=False) as file:
                    file.seek(begin)
                    lines = file.read(end - begin).decode("latin-1").splitlines()
        except FileNotFoundError:
            return [], NOWHERE
        found: list[SubjectId] = []
        place = begin
        for line in lines:
            found.append(self._subject(place, line))
            place += len(line) + 1
        return found, Mark(end, lines[-1]) if lines else (mark if begin else NOWHERE)

    def _subject(self, place: int, line: str) -> SubjectId:
        try:
            at, subject, _ = line.split(" ")
            found = SubjectId(UUID(subject))
            if _line(found, datetime.fromisoformat(at)) == f"{line}\n":
                return found
        except ValueError:
            pass
        raise RegisterDamaged(f"the line at byte {place} of {self.path} is not what was written there")

    @contextmanager
    def _held(self, flags: int, lock: int) -> Generator[int]:
        descriptor = os.open(self.path, flags, MODE)
        try:
            fcntl.flock(descriptor, lock)
            yield descriptor
        finally:
            os.close(descriptor)


def _line(subject: SubjectId, at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    said = f"{at.astimezone(UTC).isoformat()} {subject}"
    return f"{said} {crc32(said.encode()):08x}\n"


def _end_of_whole_lines(descriptor: int) -> int:
    """How many bytes there are up to the last line's end."""
    end = os.fstat(descriptor).st_size
    while end:
        begin = max(0, end - 4096)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
