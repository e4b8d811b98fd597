"""Registrations against the law: whatever is tried in whatever order, both say the same of every one of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from taxpayer_law import Law, No
from taxpayer_stage import GIORGI, GOOD, MAIA, Stage

from domain.consents import Consent, ConsentKind
from domain.erasure import LegalGround
from domain.language import Language
from domain.refusals import Refusal
from domain.taxpayer.commands import Standing
from domain.taxpayer.password import NewPassword

TAXPAYERS = st.sampled_from([GIORGI, GIORGI, MAIA])
PASSWORDS = st.sampled_from(["Msxali8-tkbili", "Kliavi9-lurji"])
BOTH = (
    Consent(ConsentKind.OBLIGATIONS_BY_SMS, "v1", Language.KA),
    Consent(ConsentKind.MESSAGES_BY_EMAIL, "v1", Language.EN),
)
CONSENTS = st.sampled_from([(), BOTH[:1], BOTH])
DIES = st.sampled_from([False, False, True])
USERNAMES = st.sampled_from(["first-name", "other-name", "third-name"])


class Registrations(RuleBasedStateMachine):
    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.stage, self.law, self.filed = Stage(), Law(), 0

    @property
    def now(self) -> datetime:
        return self.stage.office.ledger.clock

    def both(self, product: Callable[[], object], law: Callable[[], object]) -> bool:
        """The product does what the law allows, and refuses what it forbids by the same name."""
        try:
            law()
        except No as no:
            code = str(no)
        else:
            product()
            return True
        with pytest.raises(Refusal) as refused:
            product()
        assert refused.value.code == code
        return False

    def dying(self, product: Callable[[], object]) -> None:
        """The process dies at the append, with the hash kept already: nothing came to pass."""

        def die() -> None:
            raise ConnectionError

        self.stage.office.ledger.before_next_append = die
        with suppress(ConnectionError, Refusal):
            product()
        self.stage.office.ledger.before_next_append = None

    @rule(target=names, taxpayer=TAXPAYERS, username=USERNAMES, consents=CONSENTS)
    def file(self, taxpayer: str, username: str, consents: tuple[Consent, ...]) -> object:
        self.filed += 1
        name = f"filing-{self.filed}"
        filed = self.both(
            lambda: self.stage.files(name, username=username, identification=taxpayer, consents=consents),
            lambda: self.law.file(name, taxpayer, username, self.now, len(consents)),
        )
        return name if filed else multiple()

    @rule(name=names, kept=names)
    def be_seen(self, name: str, kept: str) -> None:
        caller = Standing(self.law.filings[name].taxpayer)

        def seen() -> None:
            call = self.stage.calls(name)
            try:
                self.stage.clarifies(call, kept, caller=caller)
            except Refusal:
                self.stage.bar.abandon(self.stage.act(self.stage.holder(name)), call=call)
                raise
            finally:
                self.stage.queue.entered.clear()
            self.stage.ends_well(call)

        self.both(seen, lambda: self.law.be_seen(name, kept))

    @rule(name=names)
    def break_off(self, name: str) -> None:
        def breaks_off() -> None:
            self.stage.queue.entered.clear()
            self.stage.breaks_off(name)
            holder = self.stage.act(self.stage.holder(name))
            call = self.stage.queue.entered.pop()
            if not self.law.filings[name].bar_closed:
                self.stage.bar.abandon(holder, call=call)

        self.both(breaks_off, lambda: self.law.break_off(name))

    @rule(name=names, seldom=st.integers(0, 3))
    def be_doubted(self, name: str, seldom: int) -> None:
        if not seldom:
            self.stage.queue.entered.clear()
            self.both(lambda: self.stage.doubted(name), lambda: self.law.be_doubted(name))

    @rule(name=names)
    def visit(self, name: str) -> None:
        visitor = Standing(self.law.filings[name].taxpayer)
        self.both(lambda: self.stage.visits(name, visitor=visitor), lambda: self.law.visit(name))

    @rule(name=names)
    def be_sent_a_link(self, name: str) -> None:
        self.both(lambda: self.stage.is_sent_a_link(name), lambda: self.law.send_link(name, self.now))

    @rule(name=names, password=PASSWORDS, dies=DIES)
    def be_sent_a_link_and_open_it(self, name: str, password: str, dies: bool) -> None:
        if self.both(lambda: self.stage.is_sent_a_link(name), lambda: self.law.send_link(name, self.now)):
            self._open(name, password, dies)

    @rule(name=names, password=PASSWORDS, dies=DIES)
    def open_link(self, name: str, password: str, dies: bool) -> None:
        self._open(name, password, dies)

    def _open(self, name: str, password: str, dies: bool) -> None:
        new = NewPassword(password, password)
        if dies:
            self.dying(lambda: self.stage.opens_the_link(name, new))
        else:
            self.both(
                lambda: self.stage.opens_the_link(name, new), lambda: self.law.open_link(name, self.now, password)
            )

    @rule(name=names, password=PASSWORDS, dies=DIES, shown=st.integers(0, 3))
    def change_password(self, name: str, password: str, dies: bool, shown: int) -> None:
        """Mostly the one in force is shown; sometimes the one that the form set."""
        new = NewPassword(password, password)
        first = self.stage.events(name)[0].command
        if not shown:
            stale = self.stage.registration(name).password_of != first
            self.both(
                lambda: self.stage.changes_the_password(name, new, shown=first),
                lambda: self.law.change_password(name, password, stale=stale),
            )
        elif dies:
            self.dying(lambda: self.stage.changes_the_password(name, new))
        else:
            self.both(
                lambda: self.stage.changes_the_password(name, new), lambda: self.law.change_password(name, password)
            )

    @rule(name=names, wish=st.booleans(), seldom=st.integers(0, 2))
    def erase(self, name: str, wish: bool, seldom: int) -> None:
        ground = LegalGround.DATA_SUBJECT_REQUEST if wish else LegalGround.RETENTION_OVER

        def erased() -> None:
            self.stage.is_to_be_erased(name, ground)
            self.stage.leads_nowhere(name)
            self.stage.is_erased(name)

        if not seldom:
            self.both(erased, lambda: self.law.erase(name, wish))

    @rule(name=names, seldom=st.integers(0, 2))
    def disown(self, name: str, seldom: int) -> None:
        if not seldom:
            self.both(lambda: self.stage.disowns(name), lambda: self.law.disown(name, self.now))

    @rule(name=names)
    def warn(self, name: str) -> None:
        self.both(lambda: self.stage.is_warned(name), lambda: self.law.warn(name, self.now))

    @rule(name=names)
    def expire(self, name: str) -> None:
        self.both(lambda: self.stage.expires(name), lambda: self.law.expire(name, self.now))

    @rule(hours=st.sampled_from([1, 23, 24, 24 * 7, 24 * 24]))
    def wait(self, hours: int) -> None:
        self.stage.office.later(timedelta(hours=hours))

    @invariant()
    def agree(self) -> None:
        for name, one in self.law.filings.items():
            state = "ACTIVE" if one.active else one.ended or "AWAITING_ACTIVATION"
            assert self.stage.state(name).name == state
        for username in ("first-name", "other-name", "third-name"):
            holder = self.law.holder_of(username)
            assert self.stage.who_has(username) == (None if holder is None else self.stage.cases[holder])

    @invariant()
    def the_password_that_came_to_pass_counts(self) -> None:
        for name, one in self.law.filings.items():
            password = GOOD.text if one.password == "filed" else one.password
            assert self.stage.passwords.of(self.stage.registration(name)) == password

    @invariant()
    def whoever_filed_keeps_what_filing_gave_until_a_link_activates(self) -> None:
        for name, one in self.law.filings.items():
            registration = self.stage.registration(name)
            assert (registration.code_issue, len(registration.consents)) == (one.codes, one.consents)

    @invariant()
    def siblings_are_found(self) -> None:
        for taxpayer in (GIORGI, MAIA):
            found = self.stage.commands.siblings.pending(taxpayer)
            assert set(found) == {self.stage.cases[name] for name in self.law.awaiting(taxpayer)}

    @invariant()
    def one_account(self) -> None:
        active = [one.taxpayer for one in self.law.filings.values() if one.active and not one.erased]
        assert len(active) == len(set(active))


class RegistrationsAtLength(Registrations):
    """The same, for make test-long."""


TestRegistrations = Registrations.TestCase
TestRegistrations.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestRegistrationsAtLength = pytest.mark.timeout(1200)(pytest.mark.long(RegistrationsAtLength.TestCase))
TestRegistrationsAtLength.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
