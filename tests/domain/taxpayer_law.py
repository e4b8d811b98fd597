"""The law of taxpayer registrations, written again from the procedure alone; it imports nothing of the product.

Several registrations of two taxpayers stand beside each other, since they end one another and share usernames. Each
step answers with the events that it leaves in each registration that it touches, or raises `No` with the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone

GEORGIA = timezone(timedelta(hours=4))


class No(Exception):
    """The law forbids it."""


@dataclass
class Filing:
    """One filing of the form."""

    taxpayer: str
    username: str
    last_day: date
    ended: str | None = None
    active: bool = False
    warned: bool = False
    bar_closed: bool = False
    broken: int = 0
    erased: bool = False
    password: str = "filed"
    """The last that was set by something that came to pass."""
    codes: int = 1
    """How many codes were issued: the last one opens the case."""
    consents: int = 0
    link_until: datetime | None = None

    @property
    def waits(self) -> bool:
        return self.ended is None and not self.active and not self.erased


@dataclass
class Law:
    filings: dict[str, Filing] = field(default_factory=dict)

    @staticmethod
    def day(now: datetime) -> date:
        return now.astimezone(UTC).astimezone(GEORGIA).date()

    def holder_of(self, username: str) -> str | None:
        holders = [
            name
            for name, one in self.filings.items()
            if one.username == username and one.ended is None and not one.erased
        ]
        assert len(holders) <= 1
        return holders[0] if holders else None

    def has_account(self, taxpayer: str) -> bool:
        return any(one.active and not one.erased for one in self.filings.values() if one.taxpayer == taxpayer)

    def awaiting(self, taxpayer: str) -> set[str]:
        return {name for name, one in self.filings.items() if one.taxpayer == taxpayer and one.waits}

    def file(self, name: str, taxpayer: str, username: str, now: datetime, consents: int = 0) -> None:
        if self.holder_of(username) is not None:
            raise No("USERNAME_TAKEN")
        self.filings[name] = Filing(taxpayer, username, self.day(now) + timedelta(days=30), consents=consents)

    def known(self, name: str) -> Filing:
        one = self.filings[name]
        if one.erased:
            raise No("PERSONAL_DATA_GONE")
        return one

    def waiting(self, name: str) -> Filing:
        one = self.known(name)
        if one.active:
            raise No("ALREADY_ACTIVE")
        if one.ended is not None:
            raise No("REGISTRATION_ENDED")
        return one

    def be_seen(self, name: str, kept: str) -> None:
        one = self.waiting(name)
        if one.bar_closed:
            raise No("BAR_CLOSED_TO_IT")
        other = self.filings[kept]
        if kept != name and not (other.waits and other.taxpayer == one.taxpayer):
            raise No("NOT_OF_THIS_TAXPAYER")
        if self.has_account(one.taxpayer):
            raise No("TAXPAYER_HAS_ACCOUNT")
        self._live(kept)

    def break_off(self, name: str) -> None:
        one = self.waiting(name)
        if one.bar_closed:
            raise No("BAR_CLOSED_TO_IT")
        one.broken += 1
        one.bar_closed = one.broken >= 2

    def be_doubted(self, name: str) -> None:
        one = self.waiting(name)
        if one.bar_closed:
            raise No("BAR_CLOSED_TO_IT")
        self._end(one, "ACTIVATION_REFUSED")

    def visit(self, name: str) -> None:
        if self.has_account(self.waiting(name).taxpayer):
            raise No("TAXPAYER_HAS_ACCOUNT")
        self._live(name)

    def send_link(self, name: str, now: datetime) -> None:
        one = self.known(name)
        if not one.active:
            self.waiting(name)
        one.link_until = now + timedelta(hours=24)

    def open_link(self, name: str, now: datetime, password: str) -> None:
        one = self.known(name)
        if not one.active and self.has_account(one.taxpayer):
            raise No("TAXPAYER_HAS_ACCOUNT")
        self._refuse_unless_open(one, now)
        if not one.active:
            self.waiting(name)
            self._live(name)
            one.codes, one.consents = one.codes + 1, 0
        one.link_until, one.password = None, password

    def change_password(self, name: str, password: str, *, stale: bool = False) -> None:
        """``stale``: what was shown is a password that another has replaced since."""
        one = self.known(name)
        if not one.active:
            raise No("NOT_ACTIVE")
        if stale:
            raise No("CURRENT_PASSWORD_WRONG")
        one.link_until, one.password = None, password

    def erase(self, name: str, wish: bool) -> None:
        one = self.known(name)
        if one.waits:
            raise No("STILL_AWAITED")
        if one.active and wish:
            raise No("ACCOUNT_IN_USE")
        one.erased = True

    def disown(self, name: str, now: datetime) -> None:
        one = self.known(name)
        self._refuse_unless_open(one, now)
        self.waiting(name)
        self._end(one, "ACTIVATION_REFUSED")

    def warn(self, name: str, now: datetime) -> None:
        one = self.waiting(name)
        if one.warned:
            raise No("EXPIRY_ALREADY_WARNED")
        if self.day(now) < one.last_day - timedelta(days=7):
            raise No("EXPIRY_NOT_DUE")
        one.warned = True
        one.last_day = max(one.last_day, self.day(now) + timedelta(days=7))

    def expire(self, name: str, now: datetime) -> None:
        one = self.waiting(name)
        if not one.warned:
            raise No("EXPIRY_NOT_WARNED")
        if self.day(now) <= one.last_day:
            raise No("EXPIRY_NOT_DUE")
        self._end(one, "EXPIRED")

    @staticmethod
    def _refuse_unless_open(one: Filing, now: datetime) -> None:
        if one.link_until is None or now >= one.link_until:
            raise No("LINK_NOT_SENT")

    def _live(self, kept: str) -> None:
        living = self.filings[kept]
        living.active, living.link_until = True, None
        for one in self.filings.values():
            if one is not living and one.taxpayer == living.taxpayer and one.waits:
                self._end(one, "SUPERSEDED")

    @staticmethod
    def _end(one: Filing, how: str) -> None:
        one.ended = how
        if how == "ACTIVATION_REFUSED":
            one.link_until = None
