"""The projection runner: every read model follows the ledger in a thread of its own; one runner at a time a model.

The advisory lock that a session holds decides who works, so that a second runner stands by and takes over; it is not
what keeps rows right (see `projections.tracking`: a runner that lost its lock unknowingly is fenced by its position).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from projections import poison, tracking
from projections.follower import BATCH, Follower, Source
from projections.model import ReadModel
from projections.poison import Bound, TooMuchPoison
from projections.tracking import Db, Fenced, LineageMismatch, Place

log = structlog.get_logger()

SESSION = """
SET client_connection_check_interval = '1s';
SET tcp_keepalives_idle = 2;
SET tcp_keepalives_interval = 1;
SET tcp_keepalives_count = 3;
SET idle_in_transaction_session_timeout = '15s';
"""
"""So that the server frees the lock of a lost host within 5 seconds, even in the middle of a statement."""

APPLICATION = "sarkmeli projections"
"""What `pg_stat_activity` calls our sessions."""

CLIENT = {
    "application_name": APPLICATION,
    "connect_timeout": 5,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
}
"""And so that we notice a lost server."""

_TRY = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"

STAND_BY_SECONDS = 0.5
"""How often a runner that stands by asks for the lock."""
HEARTBEAT_SECONDS = 1.0
"""How long one wait for new events lasts."""
PAUSE_SECONDS = (0.1, 5.0)
"""The first and the longest pause after an error that passes."""

STOPS = (LineageMismatch, TooMuchPoison)
"""The model stops until a person has looked; the message names the remedy."""


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
        for place in self.places:
            with session(self.conninfo) as db:
                if not take_turn(db, place):
                    raise BusyElsewhere(f"another runner works on {place.title}")
                follower = self._follow(db, place)
                while step := follower.step():
                    passed += step
        return passed

    def run_forever(self, stop: threading.Event) -> None:
        """Run until ``stop`` is set. A model that must stop is left out, loudly, while the others go on."""
        threads = [
            threading.Thread(target=self._keep, args=(place, stop), name=f"projection {place.title}")
            for place in self.places
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _keep(self, place: Place, stop: threading.Event) -> None:
        """Follow with one model, again after every error that passes."""
        shortest, longest = PAUSE_SECONDS
        pause = shortest
        while not stop.is_set():
            try:
                with session(self.conninfo) as db:
                    for _ in self._work(db, place, stop):
                        pause = shortest
            except Fenced:
                log.warning("fenced", model=place.title)
            except STOPS as error:
                log.critical("projection stopped", model=place.title, why=str(error))
                self._note(place, str(error))
                return
            except Exception as error:  # noqa: BLE001 - what does not pass stops this model and no other
                if not poison.passes(error):
                    log.critical("projection stopped", model=place.title, why=poison.told(error))
                    self._note(place, poison.told(error))
                    return
                log.warning("projection pauses", model=place.title, why=poison.told(error), seconds=pause)
            stop.wait(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, longest)

    def _work(self, db: Db, place: Place, stop: threading.Event) -> Iterator[None]:
        """Take the turn, then follow; yields after every batch. Returns when told to stop."""
        while not take_turn(db, place):
            if stop.wait(STAND_BY_SECONDS):
                return
        follower = self._follow(db, place)
        log.info("projection follows", model=place.title, position=follower.position)
        while not stop.is_set():
            if follower.step() == 0:
                self.source.wait(follower.position, HEARTBEAT_SECONDS)
            yield

    def _follow(self, db: Db, place: Place) -> Follower:
        return Follower(db, self.source, place, self.batch, self.bound)

    def _note(self, place: Place, reason: str) -> None:
        """Say in the tracking row why the model stopped, if the database can be reached."""
        try:
            with session(self.conninfo) as db:
                tracking.stop(db, place, reason)
        except psycopg.Error as error:
            log.warning("could not note why", model=place.title, why=poison.told(error))


class BusyElsewhere(Exception):
    """Another runner holds this model's turn."""


@contextmanager
def session(conninfo: str) -> Generator[Db]:
    """A connection of a runner's own, whose server notices within seconds when its host is lost."""
    patient = make_conninfo(conninfo, **{**CLIENT, **conninfo_to_dict(conninfo)})
    with closing(psycopg.connect(patient, autocommit=True)) as db:
        db.execute(SESSION)
        yield db


def take_turn(db: Db, place: Place) -> bool:
    """Take the lock that says who works on a model; it lasts as long as the session."""
    row = db.execute(_TRY, (place.lock,)).fetchone()
    assert row is not None
    return bool(row[0])
