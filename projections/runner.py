"""The projection runner: every read model follows the ledger in a thread of its own; one runner at a time a model.

A second runner stands by and takes over (`projections.turns`). A model that never ran, as a new version has not, is
filled first (`projections.filling`), then it follows.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from uuid import UUID

import psycopg
import structlog

from projections import filling, poison, tracking
from projections.filling import Progress, Told
from projections.follower import BATCH, Follower, Source
from projections.model import ReadModel
from projections.poison import Bound, TooMuchPoison
from projections.tracking import Db, Fenced, LineageMismatch, Place
from projections.turns import BusyElsewhere, Heart, Turn, session, take_turn

log = structlog.get_logger()

STAND_BY_SECONDS = 0.25
"""How often a runner that stands by asks for the lock."""
HEARTBEAT_SECONDS = 1.0
"""How long one wait for new events lasts."""
PAUSE_SECONDS = (0.1, 5.0)
"""The first and the longest pause after an error that passes."""
LOOK_SECONDS = 2.0
"""How often a model that stopped is looked at, whether a person has mended it."""
LOOKS = 30
"""Looks, after which it tries again whatever they saw: some things are mended elsewhere."""

STOPS = (LineageMismatch, TooMuchPoison)
"""The model stands still until a person has mended what the message names."""


class Runner:
    """Runs read models. ``conninfo`` is the ledger database's; ``source`` its reader."""

    def __init__(
        self,
        conninfo: str,
        source: Source,
        models: Sequence[ReadModel],
        *,
        batch: int = BATCH,
        bound: Bound | None = None,
        beside: bool = False,
    ) -> None:
        self.conninfo = conninfo
        self.source = source
        self.places = [Place(model, beside) for model in models]
        self.batch = batch
        self.bound = bound or Bound()

    def run_once(self) -> int:
        """Bring every model to the settled end of the ledger; the number of events passed, over all models.

        Raises: LineageMismatch, TooMuchPoison, BusyElsewhere, database errors.
        """
        passed = 0
        with Heart(self.conninfo) as heart:
            for place in self.places:
                with session(self.conninfo) as db:
                    if not take_turn(db, place):
                        raise BusyElsewhere(f"another runner works on {place.title}")
                    follower = self._follow(db, place, heart.id)
                    passed += self._fill(follower, threading.Event())
                    while step := follower.step():
                        passed += step
        return passed

    def run_forever(self, stop: threading.Event) -> None:
        """Run until ``stop`` is set. A model that must stop says why, loudly, while the others go on.

        It goes on within seconds of its remedy, and by itself within a minute of any other.
        """
        with Heart(self.conninfo) as heart:
            threads = [
                threading.Thread(target=self._keep, args=(place, heart.id, stop), name=f"projection {place.title}")
                for place in self.places
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def _keep(self, place: Place, holder: UUID, stop: threading.Event) -> None:
        """Follow with one model, again after every error: one that stops it is said and noted when it is another."""
        shortest, longest = PAUSE_SECONDS
        pause = shortest
        stopped: str | None = None
        while not stop.is_set():
            try:
                with session(self.conninfo) as db:
                    for _ in self._work(db, place, holder, stop):
                        pause, stopped = shortest, None
            except Fenced:
                log.warning("fenced", model=place.title)
            except Exception as error:  # noqa: BLE001 - what does not pass stops this model and no other
                if poison.passes(error):
                    log.warning("projection pauses", model=place.title, why=poison.told(error), seconds=pause)
                else:
                    why = str(error) if isinstance(error, STOPS) else poison.told(error)
                    if why != stopped:
                        log.critical("projection stopped", model=place.title, why=why)
                    stopped = why
                    self._note(place, why)
                    self._await_mending(place, stop)
                    continue
            stop.wait(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, longest)

    def _work(self, db: Db, place: Place, holder: UUID, stop: threading.Event) -> Iterator[None]:
        """Take the turn, fill if need be, then follow; yields after every batch. Returns when told to stop."""
        turn = Turn(place, holder)
        while not turn.take(db):
            if stop.wait(STAND_BY_SECONDS):
                return
        follower = self._follow(db, place, holder)
        self._fill(follower, stop)
        log.info("projection follows", model=place.title, position=follower.position)
        while not stop.is_set():
            if follower.step() == 0:
                self.source.wait(follower.position, HEARTBEAT_SECONDS)
            yield

    def _follow(self, db: Db, place: Place, holder: UUID) -> Follower:
        return Follower(db, self.source, place, self.batch, self.bound, holder)

    def _fill(self, follower: Follower, stop: threading.Event) -> int:
        """Fill the model if it never ran; the events passed by that."""
        before = follower.position
        filling.fill(follower, self._told(follower), stop)
        return follower.position - before

    def _told(self, follower: Follower) -> Told:
        """Ten lines in the log, however many events there are."""
        title = follower.place.title
        next_line = 0

        def told(progress: Progress) -> None:
            nonlocal next_line
            if progress.done >= next_line:
                log.info("projection fills", model=title, events=progress.done, of=progress.total)
                next_line = progress.done + max(progress.total // 10, 1)

        return told

    def _await_mending(self, place: Place, stop: threading.Event) -> None:
        """Until the tracking row says no more that the model stopped, or for as long as it may take elsewhere."""
        for _ in range(LOOKS):
            if stop.wait(LOOK_SECONDS):
                return
            with suppress(psycopg.Error), session(self.conninfo) as db:
                standing = tracking.find(db, place)
                if standing is None or standing.stopped is None:
                    return

    def _note(self, place: Place, reason: str) -> None:
        """Say in the tracking row why the model stopped, if the database can be reached and nobody else works on it."""
        try:
            with session(self.conninfo) as db:
                if take_turn(db, place):
                    tracking.stop(db, place, reason)
        except psycopg.Error as error:
            log.warning("could not note why", model=place.title, why=poison.told(error))
