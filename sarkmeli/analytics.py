"""The marts and the report, put together from the settings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console

from consumers.analytics.edition import Edition, edition, editions, to_json
from consumers.analytics.report import page, terminal
from consumers.analytics.report.speech import Speech
from consumers.analytics.store import opened
from consumers.warehouse.table import open_table
from domain.calendar import tbilisi_date
from sarkmeli.keeping_marts import marts_file
from sarkmeli.settings import Settings
from sarkmeli.warehouse import place_of
from texts import Language


@dataclass(frozen=True)
class Report:
    """What may be told today. ``older``: a new edition was not made, and the last one stands.

    ``stands``: today's was made earlier, so that what came since is told tomorrow.
    """

    edition: Edition
    older: bool
    stands: bool

    def show(self, console: Console, language: Language) -> None:
        """Print it."""
        terminal.show(console, self.edition, Speech(language), older=self.older)

    def json(self) -> str:
        """For machines."""
        return json.dumps(to_json(self.edition), ensure_ascii=False, indent=1)

    def write(self, file: Path, language: Language) -> None:
        """As a page. Raises: NotSetUp, OSError."""
        page.write(page.page(self.edition, Speech(language), older=self.older), file)


def refresh(settings: Settings, today: date | None = None) -> bool:
    """Bring the marts to the newest snapshot of the warehouse; whether today's edition was made already.

    Raises: Busy, Damaged, Unopened, and what the warehouse's catalog and files raise.
    """
    with opened(marts_file(settings)) as marts:
        marts.refresh(open_table(place_of(settings)))
        return _stands(settings, today or _today())


def report(settings: Settings, today: date | None = None) -> Report:
    """Bring the marts up to date and make today's edition, if it may be made. Raises: as `refresh`."""
    day = today or _today()
    with opened(marts_file(settings)) as marts:
        marts.refresh(open_table(place_of(settings)))
        stands = _stands(settings, day)
        told = edition(marts, _folder(settings) / "editions", day)
    return Report(told, older=told.day < day, stands=stands)


def _stands(settings: Settings, today: date) -> bool:
    return any(one.day >= today for one in editions(_folder(settings) / "editions"))


def _today() -> date:
    return tbilisi_date(datetime.now(UTC))


def _folder(settings: Settings) -> Path:
    return settings.folder.absolute() / "analytics"
