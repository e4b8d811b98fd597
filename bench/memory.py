"""How much memory each process of a measurement took at its height."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import psutil

from sarkmeli.processes import recorded
from sarkmeli.run_folder import RunFolder


def told(bench: str) -> str:
    """A line for each kind of process that this one started and that still runs, itself first.

    ``memory <bench> <process> processes=<how many> peak=<MiB>``: the resident set of the largest of its kind at its
    height. PostgreSQL's own shared memory counts in each of its processes that touched it. Call it before they end.
    """
    here = psutil.Process()
    peaks: defaultdict[str, list[float]] = defaultdict(list)
    for process in (here, *here.children(recursive=True)):
        try:
            peaks["this process" if process == here else _kind(process)].append(_peak(process))
        except psutil.NoSuchProcess:
            continue
    return "\n".join(
        f"memory {bench} {kind.replace(' ', '-')} processes={len(found)} peak={max(found):.0f}MiB"
        for kind, found in peaks.items()
    )


def tell_peaks(bench: str, folder: RunFolder) -> None:
    """Print a line for each process of the office that runs in ``folder``, as `told` does, by its part's name."""
    for identity in recorded(folder.running):
        if (process := identity.process()) is not None:
            print(f"memory {bench} {identity.name} processes=1 peak={_peak(process):.0f}MiB")


def _kind(process: psutil.Process) -> str:
    """What it is, less whom it serves: PostgreSQL's processes say so in their titles."""
    line = process.cmdline()
    title = line[0] if line else process.name()
    if not title.startswith("postgres: "):
        return process.name()
    words = title.removeprefix("postgres: ").split()
    return "postgres backend" if words[-1] == "idle" or len(words) > 2 else f"postgres {' '.join(words)}"


def _peak(process: psutil.Process) -> float:
    """MiB. Linux keeps the height (VmHWM); elsewhere it is what it takes now."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return process.memory_info().rss / 2**20
    kept = (line.split() for line in status.read_text(encoding="ascii", errors="replace").splitlines())
    return next((int(words[1]) / 2**10 for words in kept if words[:1] == ["VmHWM:"]), 0.0)
