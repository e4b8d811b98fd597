"""Numbers, days and spans of time as the report says them, in one language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from babel.dates import format_date
from babel.numbers import format_decimal

import texts
from consumers.analytics.disclosure import STEP
from consumers.analytics.spreads import DAY, HOUR, MINUTE

BOOK: Final = "analytics"


@dataclass(frozen=True)
class Speech:
    """One language's way to say things."""

    language: texts.Language

    def say(self, key: str, **facts: Any) -> str:
        """A sentence of the report's book."""
        return texts.say(self.language, BOOK, key, **facts)

    def word(self, code: str) -> str:
        """The word for a code, short where the report has its own; a sum of money for a number."""
        try:
            return self.say(f"word.{code}")
        except texts.NoSuchText:
            pass
        if code.replace(".", "").isdigit():
            return f"{self.number(round(float(code)))} {texts.word(self.language, 'GEL')}"
        return texts.word(self.language, code)

    def number(self, value: int) -> str:
        """Grouped as the language does it."""
        return format_decimal(value, locale=str(self.language))

    def at_least(self, low: int) -> str:
        """A cell: the lower end of its band, or that it is below the first one."""
        return self.number(low) if low else f"<{STEP}"

    def share(self, low: int, high: int) -> str:
        """Per cent, from and to if they differ."""
        return f"{low}%" if low == high else f"{low}–{high}%"

    def day(self, iso: str) -> str:
        """A day of the calendar, with its year."""
        return format_date(date.fromisoformat(iso), "d MMM y", locale=str(self.language))

    def time(self, seconds: int) -> str:
        """As coarse as it is told: minutes, hours or days."""
        for unit, name in ((DAY, "day_count"), (HOUR, "hour_count"), (MINUTE, "minute_count")):
            if seconds >= 3 * unit or unit == MINUTE:
                return self.say(name, count=round(seconds / unit))
        raise ValueError(seconds)
