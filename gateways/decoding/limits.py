"""What one file may cost and hold, and how a decoder says that it declines one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limits:
    """Set by whoever starts the process. Sizes in bytes, ``cpu`` in seconds of processor time."""

    memory: int = 1024 * 1024 * 1024
    """Address space of the process: 50 megapixels take 150 MB a copy, and two or three copies are needed."""
    cpu: int = 20
    size: int = 10 * 1024 * 1024
    pixels: int = 50_000_000
    pages: int = 100
    objects: int = 50_000
    photograph_width: int = 600


class Fault(Exception):
    """The file is declined: a code and its facts, for the parent to make a refusal of."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


def foreign_content(*parts: bytes) -> bool:
    """Whether a stretch of a file holds the mark of something that another program would open or run.

    To be given what a picture or PDF does not draw: the start, and whatever follows the end. The marks are long
    enough not to come about by chance. ZIP is not among them: it is read from its end, and found there.
    """
    return any(mark in part.lower() for part in parts for mark in _MARKS)


_MARKS = (b"rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"%pdf-", b"<html", b"<script", b"<?php", b"<!doctype")
