"""What `make run` says once all is ready: where to look, who may sign in, where everything is kept."""

from __future__ import annotations

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from sarkmeli import embedded
from sarkmeli.neighbours import sandbox_folder
from sarkmeli.settings import Settings


def welcome(settings: Settings, seconds: float) -> None:
    """Print where to look."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    table.add_row("Start here", f"{settings.url}/start")
    table.add_row("GraphiQL", f"{settings.url}/graphiql   (GraphQL itself is at /graphql)")
    if settings.uses_sandbox:
        sandbox = settings.sandbox_url
        table.add_row("Staff", f"{settings.url}/sign-in   accounts, test cards and persons: {sandbox}/")
        table.add_row("Mailbox", f"{sandbox}/mailbox   every mail that the office sends")
        table.add_row("Bank", f"{sandbox}/bank   cards, and cash by reference")
    table.add_row("Kept in", f"{settings.folder}")
    if settings.database_url is None:
        table.add_row(
            "  data", f"{embedded.cluster(settings.folder)}   (socket in {embedded.socket_folder(settings.folder)})"
        )
    table.add_row("  keys", f"{settings.keys}   without them the data cannot be read")
    table.add_row("  files", f"{settings.files}")
    table.add_row("  logs", f"{settings.folder / 'logs'}")
    if settings.uses_sandbox:
        table.add_row("  sandbox", f"{sandbox_folder(settings.folder)}")
    table.add_row("Stop", "Ctrl-C.  Begin anew: make run RESET=1.  The whole story in one go: make demo")
    _console().print(Panel(table, title=f"Sarkmeli is ready ({seconds:.1f} s)", expand=False))


def say_goodbye(settings: Settings) -> None:
    """Print that all has stopped."""
    _console().print(f"stopped; everything is kept in {settings.folder}")


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False)
