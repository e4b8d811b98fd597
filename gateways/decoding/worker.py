"""The process that opens what strangers send: started for one file, given limits, nothing else, and gone afterwards.

It has an empty environment and three pipes: one JSON line (kind and limits) and the file come in; four bytes of
length, one JSON answer and the file to keep go out. It writes no file, holds no key, and has no network where the
kernel lets that be taken away.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import resource
import signal
import struct
import sys
import zipfile
from typing import Any, Final, NoReturn

from gateways.decoding.limits import Fault, Limits

_NOBODY: Final = 65534
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


def main() -> NoReturn:
    """One file in, one answer out."""
    order = json.loads(sys.stdin.buffer.readline(10_000))
    limits = Limits(**order["limits"])
    content = sys.stdin.buffer.read(limits.size + 1)
    try:
        told, kept = examine(order["kind"], content, limits)
    except Fault as fault:
        answer({"fault": fault.code, "facts": fault.facts})
    except (MemoryError, RecursionError):
        answer({"fault": "UPLOAD_TOO_COMPLEX", "facts": {}})
    answer(told, kept)


def examine(kind: str, content: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    """What ``content`` is and the copy to keep, decoded and written anew. Raises: Fault."""
    if not content:
        raise Fault("UPLOAD_EMPTY")
    if len(content) > limits.size:
        raise Fault("UPLOAD_TOO_LARGE", megabytes=limits.size >> 20)
    if content.startswith(b"%PDF-"):
        from gateways.decoding import pdfs

        confine(limits)
        if kind == "PHOTOGRAPH":
            raise Fault("UPLOAD_TYPE_NOT_TAKEN", found="PDF")
        refuse_archive(content)
        return pdfs.examine(content, limits)
    from gateways.decoding import pictures

    confine(limits, threads=pictures.is_heic(content))
    examined = pictures.examine(kind, content, limits)
    refuse_archive(content)
    return examined


def refuse_archive(content: bytes) -> None:
    """Refuse a file that is a ZIP archive (or a program packed in one) as well. Raises: Fault."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        raise Fault("UPLOAD_AMBIGUOUS")


def confine(limits: Limits, *, threads: bool = False) -> None:
    """Give up everything that decoding does not need. To be called when all modules are imported.

    ``threads`` leaves the right to start some, which the HEIC decoder cannot do without.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    root = os.geteuid() == 0
    libc.unshare(_CLONE_NEWNET if root else _CLONE_NEWUSER | _CLONE_NEWNET)  # refused in many containers: as well
    os.chdir("/")
    if root:
        with contextlib.suppress(PermissionError):  # a container's root may lack the capability
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        *(() if threads else ((resource.RLIMIT_NPROC, 0),)),
        (resource.RLIMIT_NOFILE, 16),
    ):
        resource.setrlimit(what, (most, most))


def answer(told: dict[str, Any], content: bytes = b"") -> NoReturn:
    """Say what came of it and end at once, without running what the decoders may have left behind."""
    line = json.dumps(told).encode()
    out = sys.stdout.buffer
    out.write(struct.pack(">I", len(line)) + line + content)
    out.flush()
    os._exit(0)
