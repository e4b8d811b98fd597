"""Runs a command of the office in a process of its own, forked from one that has imported it.

To import the office takes a command two seconds of a processor, and most commands do nothing more. `sarkmeli run` forks
its parts in the same way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

LATER = ("SARKMELI_", "COLUMNS", "TMPDIR")
"""How names begin of what a command asks its environment for when it needs it, and not as it is imported."""

ALONE = ("run", "demo")
"""What starts processes itself begins as a person begins it."""


def sarkmeli(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run a command to its end: (status, what it said on both outputs)."""
    whole = {name: value for name, value in os.environ.items() if not name.startswith("SARKMELI_")} | environment
    if (arguments[:1] and arguments[0] in ALONE) or not all(name.startswith(LATER) for name in environment):
        done = subprocess.run(
            [sys.executable, "-m", "sarkmeli", *arguments],
            cwd=ROOT, env=whole, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr
    with tempfile.TemporaryDirectory(prefix="sk-said-") as folder:
        outputs = [str(Path(folder) / name) for name in ("stdout", "stderr")]
        status = _forking().ask({"arguments": arguments, "environment": whole, "outputs": outputs})
        return status, "".join(Path(output).read_text() for output in outputs)


class Forking:
    """The process that forks; it ends with whoever started it, whose end of the pipe it reads."""

    def __init__(self) -> None:
        known = {name: value for name, value in os.environ.items() if not name.startswith("SARKMELI_")}
        self._process = subprocess.Popen(
            [sys.executable, __file__], cwd=ROOT, env={**known, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, asked: dict[str, Any]) -> int:
        """Its status, as `subprocess` tells it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


_started: list[Forking] = []


def _forking() -> Forking:
    if not _started:
        _started.append(Forking())
    return _started[0]


def become(asked: dict[str, Any]) -> None:
    """What `python -m sarkmeli` would be with these arguments, this environment and these outputs."""
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["sarkmeli", *asked["arguments"]]
    for number, path in enumerate((os.devnull, *asked["outputs"])):
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)


def serve() -> bool:
    """Fork for each line; whether this is a forked one."""
    for line in sys.stdin:
        asked = json.loads(line)
        if (child := os.fork()) == 0:
            become(asked)
            return True
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - read by who asked
    return False


if __name__ == "__main__":
    import gc
    import runpy
    from importlib import import_module

    from sarkmeli.parts import LOADED

    for each in ("sarkmeli.cli", *LOADED):
        import_module(each)
    gc.freeze()  # what is shared is not looked through again at every command's end, which takes a second
    if serve():
        runpy.run_module("sarkmeli", run_name="__main__", alter_sys=True)
