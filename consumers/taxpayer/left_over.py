"""Ends what an activation left over: forms of the taxpayer beyond those that one transaction ends.

Whoever files in a taxpayer's name may have filed thousands. None of them can be activated any more, since the taxpayer
has an account; they end, and their usernames are free, a batch to a transaction. A kill loses nothing: the row comes
back, and what it looks for is what still waits.
"""

from __future__ import annotations

import psycopg
import structlog
from eventsourcing.persistence import PersistenceError

from consumers.acting import act_upon
from domain.office import Office
from domain.refusals import Refusal
from domain.taxpayer.commands import Commands
from domain.taxpayer.form import Form
from domain.taxpayer.registration import Registration
from domain.taxpayer.siblings import Siblings
from domain.taxpayer.state import RegistrationState
from housekeeping.left_over import LeftOver, Look

log = structlog.get_logger("deadlines")


class LeftOvers:
    """The duty."""

    def __init__(self, commands: Commands, left_over: LeftOver) -> None:
        self.commands = commands
        self.office: Office = commands.office
        self.siblings = Siblings(commands.office)
        self.left_over = left_over

    def end(self) -> int:
        """Look after every activation whose turn has come; how many forms ended."""
        ended = 0
        while (look := self.left_over.take()) is not None:
            try:
                ended += self._ended(look)
            except (psycopg.Error, PersistenceError):
                raise
            except Exception as error:
                # A mistake of ours about one taxpayer must not keep the others waiting.
                case = str(look.registration)
                log.error("forms left over not ended", case=case, error=type(error).__name__, exc_info=True)
        return ended

    def _ended(self, look: Look) -> int:
        """How many forms ended beside this registration, once it is active."""
        living = self.office.load(Registration, look.registration)
        if living.state is not RegistrationState.ACTIVE:
            if look.is_old or living.state is not RegistrationState.AWAITING_ACTIVATION:
                self.left_over.done(look.registration)
            return 0
        ended = 0
        while isinstance(living.form, Form) and not living.is_forgotten:
            batch = [one.id for one in self.siblings.awaiting(living.form.identification).newest]
            if not batch:
                break
            act = act_upon(self.office, "end left over", living.id, *batch)
            try:
                self.commands.supersede(act, case=living.id, others=batch)
            except Refusal as refusal:
                log.info("not now", operation=act.operation, case=str(living.id), why=refusal.code)
                return ended
            ended += len(batch)
            self.left_over.hold(living.id)
        self.left_over.done(look.registration)
        return ended
