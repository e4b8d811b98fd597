"""`make demo`: tells one person's story to an office from outside, and prints what came of it as JSON."""

from __future__ import annotations

import contextlib
import json
import sys

from rich.console import Console

from sarkmeli.neighbours import sandbox_credentials
from sarkmeli.outside import NotAnswered, Outside, Refused
from sarkmeli.run_folder import RunFolder
from sarkmeli.settings import Settings
from sarkmeli.stories import Told, story_of
from sarkmeli.throw_away import NotStarted, throw_away_office

PATIENCE = 30.0
"""Seconds for which one step may wait for the office."""


def run_demo(settings: Settings, whose: Told = Told.COMPATRIOT) -> int:
    """Tell the story to the office that runs in the settings' folder, or to one on a throw-away folder.

    The exit status; the last line printed is one JSON object.
    """
    console = Console(soft_wrap=True, highlight=False)
    folder = RunFolder(settings.folder)
    with contextlib.ExitStack() as opened:
        addresses = folder.addresses() if folder.held() else None
        if addresses is None:
            console.print("No office runs here: one is started on a throw-away folder.", style="dim")
            try:
                folder, addresses = opened.enter_context(throw_away_office())
            except NotStarted as failure:
                console.print(str(failure), style="red", markup=False)
                return 1
        console.print(f"The office is at [bold]{addresses.url}[/bold].")
        outside = Outside(addresses.url, addresses.sandbox, sandbox_credentials(folder.path), PATIENCE)
        opened.callback(outside.close)
        story = story_of(whose)(outside)
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
