"""Takes calls back from operators who went away and never ended them, so that nobody waits for ever."""

from __future__ import annotations

from uuid import UUID

import structlog

from consumers.acting import DEADLINES
from domain.office import Office
from domain.refusals import Refusal
from domain.videobar.commands import Commands
from projections import queue
from projections.answers import Pool

log = structlog.get_logger("deadlines")


class Calls:
    """The office's duty towards whoever was called in. ``pool`` is the read pool; the call itself decides."""

    def __init__(self, office: Office, bar: Commands, pool: Pool) -> None:
        self.office = office
        self.bar = bar
        self.pool = pool

    def take_back(self) -> int:
        """Let every applicant wait again whose operator is gone. How many."""
        gone_since = self.office.desk.now() - self.bar.rules.longest_sitting
        return sum(self._taken_back(call) for call in queue.held_since(self.pool, gone_since))

    def _taken_back(self, call: UUID) -> bool:
        act = self.office.act(DEADLINES, "take back a call")
        try:
            self.bar.take_back(act, call=call)
        except Refusal as refusal:
            log.info("not now", operation="take back", call=str(call), why=refusal.code)
            return False
        return True
