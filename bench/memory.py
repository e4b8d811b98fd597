"""What each process of a running office needed of memory at most."""

from __future__ import annotations

from pathlib import Path

from sarkmeli.processes import recorded
from sarkmeli.run_folder import RunFolder

MIB = 1024


def tell_peaks(folder: RunFolder) -> None:
    """Print a line a process: its peak resident memory in MiB, with what it shares with the process it was forked from.

    Of PostgreSQL the first process is told; its shared buffers count in every other again.
    """
    for identity in recorded(folder.running):
        if identity.process() is not None:
            print(f"memory {identity.name} peak={_peak(identity.pid) // MIB}MiB")


def _peak(pid: int) -> int:
    """KiB. Source: proc(5), VmHWM."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM:"))
