"""What `make run` says once all is ready: where to look, who may sign in, where everything is kept."""

from __future__ import annotations

from collections.abc import Iterator

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
    table.add_column(overflow="fold")
    places = list(_places(settings))
    wide = max(len(where) for _, where, what in places if what)
    for name, where, what in places:
        table.add_row(name, f"{where:<{wide}}   {what}" if what else where)
    table.add_row("Kept in", f"{settings.folder}")
    if settings.database_url is None:
        table.add_row("  data", f"{embedded.cluster(settings.folder)}")
        table.add_row("  socket", f"{embedded.socket_folder(settings.folder)}")
    table.add_row("  keys", settings.pkcs11_token or f"{settings.keys}")
    table.add_row("", "without the keys the data cannot be read")
    table.add_row("  files", f"{settings.files}")
    table.add_row("  logs", f"{settings.folder / 'logs'}")
    if settings.uses_sandbox:
        table.add_row("  sandbox", f"{sandbox_folder(settings.folder)}")
    table.add_row("Stop", "Ctrl-C")
    table.add_row("Anew", "make run RESET=1")
    table.add_row("Demo", "make demo   the whole story in one go")
    table.add_row("  taxpayer", "make demo STORY=taxpayer")
    _console().print(Panel(table, title=f"Sarkmeli is ready ({seconds:.1f} s)", expand=False))


def _places(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """What a person may open or type, and what it shows."""
    yield "Start here", f"{settings.url}/start", "a whole case, step by step"
    yield "  taxpayer", f"{settings.url}/start?service=taxpayer", ""
    yield "Look-up", f"{settings.url}/", "by number and code"
    yield "GraphiQL", f"{settings.url}/graphiql", "GraphQL itself: /graphql"
    yield "Staff", f"{settings.url}/sign-in", ""
    if settings.uses_sandbox:
        sandbox = settings.sandbox_url
        yield "Sandbox", f"{sandbox}/", "accounts, test cards, persons"
        yield "  mailbox", f"{sandbox}/mailbox", "every mail that is sent"
        yield "  phones", f"{sandbox}/phones", "every text message that is sent"
        yield "  bank", f"{sandbox}/bank", "cash by reference"
    if settings.has_kafka:
        command = ".venv/bin/python -m sarkmeli"
        yield "Kafka", settings.kafka_bootstrap_servers, "the public stream"
        yield "  watch", f"{command} relay watch --from-beginning", ""
        yield "  report", f"{command} analytics report", ""


def say_goodbye(settings: Settings) -> None:
    """Print that all has stopped."""
    _console().print(f"stopped; everything is kept in {settings.folder}")


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False)
