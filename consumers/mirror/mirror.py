"""Keeping mirrored models current: a thread and a member of its group for each, and one that looks how far they are.

Any number of these processes, on any machines, share the partitions among them.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any, Final

import psycopg
import structlog
from kafka.errors import AuthorizationError, KafkaError

from consumers.mirror.member import BATCH, STOPS, Member
from consumers.mirror.outgoing import internal_topic
from consumers.mirror.reached import Reached
from consumers.mirror.topics import NoTopic, Topics
from consumers.relay.halting import REFUSALS
from ledger.lineage import OtherLineage
from projections import partitions, poison
from projections.model import ReadModel
from projections.poison import Bound, TooMuchPoison
from projections.tracking import Fenced, Place
from projections.turns import session

log = structlog.get_logger()

POLL_SECONDS: Final = 0.5
"""How long one wait for new events lasts."""
LOOK_SECONDS: Final = 0.5
"""Between two looks at how far the models are: what `atLeast` waits for at most, once the rows are there."""
PAUSE_SECONDS: Final = (0.1, 5.0)
"""The first and the longest pause after an error that passes."""
MENDED_SECONDS: Final = 30.0
"""After so long a model that stopped tries again, and earlier if its mark was lifted."""
REFUSED: Final = (AuthorizationError, *REFUSALS)
"""What Kafka says again however often it is asked: the account, its password or its rights must be mended."""


class Mirror:
    """Keeps these models in the database at ``conninfo``. ``client`` is what every Kafka client is given.

    Raises at construction: CannotBePartitioned.
    """

    def __init__(
        self,
        conninfo: str,
        models: Sequence[ReadModel],
        client: Mapping[str, Any],
        prefix: str,
        *,
        batch: int = BATCH,
        bound: Bound | None = None,
    ) -> None:
        for model in models:
            partitions.refuse_unpartitionable(model)
        self.conninfo = conninfo
        self.models = models
        self.client = client
        self.prefix = prefix
        self.batch = batch
        self.bound = bound

    def run_forever(self, stop: threading.Event) -> None:
        """Run until ``stop`` is set. A model that must stop says why, loudly, while the others go on."""
        threads = [
            threading.Thread(target=self._keep, args=(model, stop), name=f"mirror {model.title}")
            for model in self.models
        ]
        threads.append(threading.Thread(target=self._look, args=(stop,), name="how far the mirror is"))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _keep(self, model: ReadModel, stop: threading.Event) -> None:
        """Follow with one model, again after every error: one that stops it is said and noted when it is another."""
        shortest, longest = PAUSE_SECONDS
        pause = shortest
        stopped: str | None = None
        while not stop.is_set():
            try:
                for _ in self._work(model, stop):
                    pause, stopped = shortest, None
            except Fenced as fenced:
                log.warning("fenced", model=model.title, why=str(fenced))
            except Exception as error:  # noqa: BLE001 - what does not pass stops this model and no other
                if _passes(error):
                    log.warning("mirror pauses", model=model.title, why=_told(error), seconds=pause)
                else:
                    why = _told(error)
                    if why != stopped:
                        log.critical("mirror stopped", model=model.title, why=why)
                    stopped = why
                    self._note(model, why)
                    self._await_mending(model, stop)
                    continue
            stop.wait(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, longest)

    def _work(self, model: ReadModel, stop: threading.Event) -> Iterator[None]:
        """A member's life; yields after every step that was well. Returns when told to stop."""
        topic = internal_topic(self.prefix)
        with session(self.conninfo) as db, Topics(self.client) as topics:
            member = Member(
                db, model, lambda: topics.find(topic), self.client, self.prefix, batch=self.batch, bound=self.bound
            )
            with closing(member):
                log.info("mirror follows", model=model.title, topic=str(member.source.id))
                while not stop.is_set():
                    member.step(POLL_SECONDS)
                    yield

    def _look(self, stop: threading.Event) -> None:
        """Note now and then how far each model is as a whole."""
        while not stop.is_set():
            try:
                with session(self.conninfo) as db, Topics(self.client) as topics:
                    looks = [Reached(model, topics.written) for model in self.models]
                    while not stop.wait(LOOK_SECONDS):
                        for one in looks:
                            with suppress(OtherLineage):  # its member says so
                                one.look(db)
            except (psycopg.Error, KafkaError, OSError) as error:
                log.warning("how far the mirror is cannot be seen", why=_told(error))
                stop.wait(PAUSE_SECONDS[1])

    def _await_mending(self, model: ReadModel, stop: threading.Event) -> None:
        """Until the source's row says no more that the model stopped, or for as long as it may take elsewhere."""
        for _ in range(int(MENDED_SECONDS / LOOK_SECONDS)):
            if stop.wait(LOOK_SECONDS):
                return
            with suppress(psycopg.Error), session(self.conninfo) as db:
                found = partitions.source_of(db, model)
                if found is None or found[1] is None:
                    return

    def _note(self, model: ReadModel, reason: str) -> None:
        """Say in the source's row why the model stopped, if the database can be reached."""
        try:
            with session(self.conninfo) as db:
                partitions.stop(db, Place(model), reason)
        except psycopg.Error as error:
            log.warning("could not note why", model=model.title, why=poison.told(error))


def _passes(error: Exception) -> bool:
    """Waiting and trying again may help."""
    return (isinstance(error, KafkaError | NoTopic) and not _refusal(error)) or poison.passes(error)


def _refusal(error: Exception) -> KafkaError | None:
    """What Kafka refuses for good, if that is what the error tells: the client wraps it in an error of its own."""
    return next((one for one in (error, *error.args) if isinstance(one, REFUSED)), None)


def _told(error: Exception) -> str:
    """The message where it is ours and quotes no value, else the error's kind and place."""
    if refusal := _refusal(error):
        return f"Kafka refuses: {refusal}. Mend the account or its rights (docs/running.md, Kafka)"
    ours = isinstance(error, (*STOPS, TooMuchPoison, NoTopic))
    return str(error) if ours else poison.told(error)
