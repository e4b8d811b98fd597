"""A whole office on free ports and a temporary folder, gone afterwards: for the demo and for measuring."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sarkmeli.run_folder import Addresses, RunFolder

HOME = Path(__file__).resolve().parent.parent


class NotStarted(Exception):
    """It did not start; what it said."""


@contextmanager
def throw_away_office() -> Generator[tuple[RunFolder, Addresses]]:
    """A running office: its folder, and where it listens. Raises: NotStarted."""
    folder = RunFolder(Path(tempfile.mkdtemp(prefix="sarkmeli-")))
    ports = ["--port", "0", "--sandbox-port", "0", "--smtp-port", "0"]
    ready, tell = os.pipe()
    with (folder.path / "said.log").open("wb") as said:
        office = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "sarkmeli", "run", "--folder", str(folder.path), *ports, "--tell", str(tell)],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, pass_fds=(tell,), start_new_session=True, cwd=HOME,
            env={name: value for name, value in os.environ.items() if not name.startswith("SARKMELI_")},
        )  # fmt: skip
    os.close(tell)
    try:
        addresses = folder.addresses() if os.read(ready, 1) else None
        if addresses is None:
            raise NotStarted((folder.path / "said.log").read_text(errors="replace")[-4000:])
        yield folder, addresses
    finally:
        os.close(ready)
        office.send_signal(signal.SIGTERM)
        office.wait()
        shutil.rmtree(folder.path, ignore_errors=True)
