"""Opens uploaded files in a process of its own and says what each is, or why it is declined.

A file's name and the type that a browser names count for nothing: the content decides. What is kept for reading is a
copy written anew; a decoder that is broken into finds no key, no environment, no file to write and little time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

from domain.refusals import REFUSALS, Refusal
from gateways.decoding.limits import Limits

_ROOT: Final = str(Path(__file__).resolve().parent.parent)
_START: Final = f"import sys; sys.path.append({_ROOT!r}); from gateways.decoding.worker import main; main()"
_ANSWER_MOST: Final = 64 * 1024


@dataclass(eq=False)
class UploadEmpty(Refusal):
    """No bytes, or a PDF without a page."""

    code = "UPLOAD_EMPTY"


@dataclass(eq=False)
class UploadTooLarge(Refusal):
    """More than so many ``megabytes`` (of 2^20 bytes)."""

    code = "UPLOAD_TOO_LARGE"
    megabytes: int


@dataclass(eq=False)
class UploadTypeNotTaken(Refusal):
    """Neither a picture nor, where one is taken, a PDF. ``found`` names what it seems to be, or is empty."""

    code = "UPLOAD_TYPE_NOT_TAKEN"
    found: str


@dataclass(eq=False)
class UploadAmbiguous(Refusal):
    """A picture or PDF that another program would open as something else (a polyglot)."""

    code = "UPLOAD_AMBIGUOUS"


@dataclass(eq=False)
class UploadTruncated(Refusal):
    """The file ends before its content does."""

    code = "UPLOAD_TRUNCATED"


@dataclass(eq=False)
class UploadDamaged(Refusal):
    """The file does not keep to its own format."""

    code = "UPLOAD_DAMAGED"


@dataclass(eq=False)
class UploadEncrypted(Refusal):
    """A PDF under a password or with restricted rights."""

    code = "UPLOAD_ENCRYPTED"


@dataclass(eq=False)
class UploadActive(Refusal):
    """A PDF that can act: ``found`` is what was found first (JavaScript, Launch, EmbeddedFile …)."""

    code = "UPLOAD_ACTIVE"
    found: str


@dataclass(eq=False)
class UploadTooManyPixels(Refusal):
    """More than ``most`` million pixels, however small the file."""

    code = "UPLOAD_TOO_MANY_PIXELS"
    width: int
    height: int
    most: int


@dataclass(eq=False)
class UploadTooManyPages(Refusal):
    """A PDF of more than ``most`` pages."""

    code = "UPLOAD_TOO_MANY_PAGES"
    pages: int
    most: int


@dataclass(eq=False)
class UploadTooComplex(Refusal):
    """To open it took more memory or time than a document needs; the process was ended."""

    code = "UPLOAD_TOO_COMPLEX"


@dataclass(eq=False)
class PhotographTooSmall(Refusal):
    """Narrower than ``least`` pixels, upright."""

    code = "PHOTOGRAPH_TOO_SMALL"
    width: int
    least: int


@dataclass(eq=False)
class PhotographWrongShape(Refusal):
    """Not 3.5 × 4.5, give or take 2 %."""

    code = "PHOTOGRAPH_WRONG_SHAPE"
    width: int
    height: int


@dataclass(eq=False)
class InspectionBusy(Refusal):
    """All inspections were taken for as long as one waits; the same file may be sent again."""

    code = "INSPECTION_BUSY"


@dataclass(frozen=True)
class Inspected:
    """A file found sound. ``content`` is the copy to keep; pictures have width and height, PDFs pages."""

    media_type: str
    content: bytes
    width: int | None = None
    height: int | None = None
    pages: int | None = None


class Inspector:
    """Inspects at most ``at_once`` files at a time, each in a new process."""

    def __init__(
        self, limits: Limits | None = None, *, at_once: int = 2, patience: float = 30.0, deadline: float = 30.0
    ) -> None:
        self.limits = limits or Limits()
        self.patience = patience
        """Seconds to wait for one's turn."""
        self.deadline = deadline
        """Seconds of wall time after which a process is ended, whatever it does."""
        self._turns = threading.BoundedSemaphore(at_once)

    def inspect(self, kind: str, content: Iterable[bytes]) -> Inspected:
        """Say what the file is; ``kind`` is what it is sent as (PHOTOGRAPH is held to the rules for photographs).

        Raises: the refusals of this file.
        """
        if not self._turns.acquire(timeout=self.patience):
            raise InspectionBusy
        try:
            told, kept = self._in_a_process(kind, content)
        finally:
            self._turns.release()
        if "fault" in told:
            raise REFUSALS[told["fault"]](**told["facts"])
        return Inspected(
            told["media_type"], kept, width=told.get("width"), height=told.get("height"), pages=told.get("pages")
        )

    def _in_a_process(self, kind: str, content: Iterable[bytes]) -> tuple[dict[str, Any], bytes]:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no word of the sender's
            [sys.executable, "-I", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            close_fds=True,
            start_new_session=True,
        )
        stdin, stdout = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        ending = threading.Timer(self.deadline, _end, (process,))
        ending.start()
        order = json.dumps({"kind": kind, "limits": asdict(self.limits)}).encode() + b"\n"
        feeding = threading.Thread(target=_feed, args=(stdin, order, content), daemon=True)
        feeding.start()
        try:
            return self._answer(stdout)
        finally:
            ending.cancel()
            _end(process)
            process.wait()
            feeding.join()
            stdout.close()

    def _answer(self, stdout: IO[bytes]) -> tuple[dict[str, Any], bytes]:
        """Read no more than an honest worker would say; less means that it was ended."""
        head = stdout.read(4)
        length = struct.unpack(">I", head)[0] if len(head) == 4 else _ANSWER_MOST + 1
        line = stdout.read(length) if length <= _ANSWER_MOST else b""
        if len(line) < length:
            raise UploadTooComplex
        most = self.limits.size * 2
        kept = stdout.read(most + 1)
        if len(kept) > most:
            raise UploadTooComplex
        return json.loads(line), kept


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the worker and whatever it started, before it is waited for and its number may be another's."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _feed(stdin: IO[bytes], order: bytes, content: Iterable[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError), stdin:  # a worker that ended needs no more
        stdin.write(order)
        for part in content:
            stdin.write(part)
