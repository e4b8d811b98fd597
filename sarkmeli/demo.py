"""`make demo`: tells one applicant's story to an office from outside, and prints what came of it as JSON."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

from rich.console import Console

from sarkmeli.neighbours import sandbox_credentials
from sarkmeli.outside import NotAnswered, Outside, Refused
from sarkmeli.run_folder import Addresses, RunFolder
from sarkmeli.settings import Settings
from sarkmeli.story import Story

PATIENCE = 30.0
"""Seconds for which one step may wait for the office."""


def run_demo(settings: Settings) -> int:
    """Tell the story to the office that runs in the settings' folder, or to one on a throw-away folder.

    The exit status; the last line printed is one JSON object.
    """
    console = Console(soft_wrap=True, highlight=False)
    folder = RunFolder(settings.folder)
    with contextlib.ExitStack() as opened:
        addresses = folder.addresses() if folder.held() else None
        if addresses is None:
            console.print("No office runs here: one is started on a throw-away folder.", style="dim")
            folder, addresses = opened.enter_context(_throw_away(console))
        console.print(f"The office is at [bold]{addresses.url}[/bold].")
        outside = Outside(addresses.url, addresses.sandbox, sandbox_credentials(folder.path), PATIENCE)
        opened.callback(outside.close)
        story = Story(outside)
        try:
            for number, step in enumerate(story.steps(), 1):
                console.print(f"[bold cyan]{number:>2}  {step.name}[/bold cyan]")
                console.print(f"    {step.do()}", markup=False)
        except (Refused, NotAnswered) as failure:
            console.print(f"    {type(failure).__name__}: {failure}", style="bold red", markup=False)
            return 1
    told = {"number": story.number, "status": story.status, "outcome": story.outcome, "events": story.events}
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    return 0


@contextlib.contextmanager
def _throw_away(console: Console) -> Generator[tuple[RunFolder, Addresses]]:
    """An office of its own, on free ports and a temporary folder; both are gone afterwards. Raises: NotAnswered."""
    folder = RunFolder(Path(tempfile.mkdtemp(prefix="sarkmeli-demo-")))
    arguments = ["--folder", str(folder.path), "--port", "0", "--sandbox-port", "0", "--smtp-port", "0"]
    ready_read, ready_write = os.pipe()
    with (folder.path / "run.log").open("wb") as log:
        office = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "sarkmeli", "run", *arguments, "--tell", str(ready_write)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(ready_write,), start_new_session=True,
        )  # fmt: skip
    os.close(ready_write)
    try:
        told = os.read(ready_read, 1)
        addresses = folder.addresses() if told else None
        if addresses is None:
            console.print((folder.path / "run.log").read_text(errors="replace")[-4000:], style="red", markup=False)
            raise NotAnswered("the office did not start")
        yield folder, addresses
    finally:
        os.close(ready_read)
        office.send_signal(signal.SIGTERM)
        office.wait()
        shutil.rmtree(folder.path, ignore_errors=True)
