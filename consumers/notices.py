"""Tells people by mail what happens to their case: follows the ledger, notes each notice once, sends each once.

A notice is noted in the transaction that moves the consumer's position, and held in a transaction while the mail server
answers. A kill between that answer and our commit sends it once more, under the same Message-ID; nothing else does.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from uuid import UUID

import psycopg
import structlog

from consumers.letters import Letters, NobodyToWrite, NothingToTell
from domain.event import Root
from gateways.mail import Mail, MailRejected, MailUnavailable
from housekeeping import followers, notices
from housekeeping.followers import Fenced
from housekeeping.notices import NewNotice
from housekeeping.pool import Db
from ledger.kms import KmsUnavailable
from ledger.reader import Reader, Recorded
from ledger.topics import event_classes

log = structlog.get_logger("notices")

NAME = "notices"
BATCH = 500
HEARTBEAT = 1.0
"""Seconds for which one wait for new events lasts."""
PAUSE = (0.5, 30.0)
"""The first and the longest pause, in seconds, after the mail server or the database was away."""
BRAKE = 3
"""Refused so often in a row, the mail server is taken to be away and not the one mail to be at fault."""


class Notices:
    """The consumer. ``conninfo`` is the ledger database's; ``letters``: of every service.

    Raises: ValueError if two services claim one event or one kind of mail.
    """

    def __init__(self, conninfo: str, reader: Reader, letters: Sequence[Letters], mail: Mail) -> None:
        self.conninfo = conninfo
        self.reader = reader
        self.kinds = {event: kind for each in letters for event, kind in each.kinds.items()}
        self.letters = {kind: each for each in letters for kind in each.kinds.values()}
        if not len(self.kinds) == len(self.letters) == sum(len(each.kinds) for each in letters):
            raise ValueError("each event and each kind of mail belongs to one service")
        self.fences = [kind for kind in event_classes().values() if kind.__name__ == "ErasureRequested"]
        self.mail = mail
        self._noted = threading.Event()

    def run_once(self) -> tuple[int, int]:
        """Follow to the ledger's end, then try every notice that is due: (noted, sent). Raises: FollowerLost."""
        with self._session() as db:
            noted = 0
            position = self._begin(db)
            while (moved := self._follow(db, position)) is not None:
                position, new = moved
                noted += new
            return noted, self._send_due(db, threading.Event())

    def run_forever(self, stop: threading.Event) -> None:
        """Follow and send until ``stop`` is set. What does not pass ends both, and whoever called hears of it.

        Raises: FollowerLost, after which a person must decide; ledger.reader.Undecodable; whatever is our mistake.
        """
        failed: list[Exception] = []

        def keep(work: Callable[[Db, threading.Event], None]) -> None:
            try:
                self._keep(work, stop)
            except Exception as error:  # noqa: BLE001 - raised below, where the process ends by it
                failed.append(error)
                stop.set()

        follower = threading.Thread(target=keep, args=(self._follow_on,), name="notices follower")
        follower.start()
        keep(self._send_on)
        follower.join()
        if failed:
            raise failed[0]

    def _keep(self, work: Callable[[Db, threading.Event], None], stop: threading.Event) -> None:
        """Do ``work`` on a connection; again, after a pause that grows, when the database was away."""
        shortest, longest = PAUSE
        pause = shortest
        while not stop.is_set():
            try:
                with self._session() as db:
                    work(db, stop)
                pause = shortest
            except Fenced:
                log.info("another process follows too")
            except (psycopg.OperationalError, KmsUnavailable) as error:
                log.warning("the database is away, or what holds the keys", error=type(error).__name__, seconds=pause)
            stop.wait(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, longest)

    def _session(self) -> closing[Db]:
        return closing(psycopg.connect(self.conninfo, autocommit=True, connect_timeout=5))

    def _begin(self, db: Db) -> int:
        return followers.begin(db, NAME, self.reader.lineage(), self.reader.settled())

    def _follow_on(self, db: Db, stop: threading.Event) -> None:
        position = self._begin(db)
        while not stop.is_set():
            moved = self._follow(db, position)
            if moved is None:
                self.reader.wait(position, HEARTBEAT)
                continue
            position, new = moved
            if new:
                self._noted.set()

    def _follow(self, db: Db, position: int) -> tuple[int, int] | None:
        """Note what the next batch asks to be told: (the new position, how many), None at the ledger's end."""
        batch = self.reader.read(position, BATCH)
        if not batch:
            return None
        with db.transaction():
            followers.move(db, NAME, self.reader.lineage(), position, batch[-1].position)
            notices.begin_noting(db)
            wanted = [new for new in told_of(batch, self.kinds) if not self._is_forgotten(new.case)]
            notices.put(db, wanted)
        return batch[-1].position, len(wanted)

    def _is_forgotten(self, case: UUID) -> bool:
        """Whether it is to be erased: then its notices were removed already, and who follows late brings none back."""
        return bool(self.reader.newest(case, self.fences))

    def _send_on(self, db: Db, stop: threading.Event) -> None:
        while not stop.is_set():
            self._noted.clear()
            self._send_due(db, stop)
            wait = notices.seconds_to_next(db)
            until = HEARTBEAT if wait is None else min(max(wait, 0.01), HEARTBEAT)
            self._noted.wait(until)

    def _send_due(self, db: Db, stop: threading.Event) -> int:
        """Try every due notice once; how many were sent. Pauses while the mail server seems away."""
        sent = in_a_row = 0
        pause = PAUSE[0]
        while due := notices.due(db):
            for notice in due:
                if stop.is_set():
                    return sent
                took = self._try(db, notice.id)
                sent += took is True
                in_a_row = in_a_row + 1 if took is False else 0
                if in_a_row >= BRAKE:
                    stop.wait(pause)
                    pause = min(pause * 2, PAUSE[1])
                elif took:
                    pause = PAUSE[0]
        return sent

    def _try(self, db: Db, id: int) -> bool | None:
        """Send one notice: True if sent, False if the mail server would not now, None if there is nothing to send."""
        with db.transaction():
            notice = notices.take(db, id)
            if notice is None:
                return None
            facts = {"kind": notice.kind, "case": str(notice.case_id), "correlation": str(notice.correlation)}
            try:
                self.mail.send(self.letters[notice.kind].write(notice))
            except MailUnavailable as error:
                notices.put_off(db, notice)
                log.warning("mail put off", why=str(error), tries=notice.tries + 1, **facts)
                return False
            except NothingToTell:
                notices.give_up(db, id, NothingToTell.__name__)
                log.info("mail no longer needed", **facts)
                return None
            except (MailRejected, NobodyToWrite) as error:
                notices.give_up(db, id, type(error).__name__)
                log.error("mail given up", why=type(error).__name__, **facts)
                return None
            except psycopg.Error:
                raise
            except Exception as error:
                # A mistake of ours in one mail must not stop the others.
                notices.put_off(db, notice)
                log.error("mail not written", error=type(error).__name__, exc_info=True, **facts)
                return None
            notices.sent(db, id)
            log.info("mail sent", **facts)
            return True


def told_of(events: Sequence[Recorded], kinds: Mapping[type[Root.Event], str]) -> list[NewNotice]:
    """The notices that these events ask for. ``kinds``: the kind of mail by the event that it tells of."""
    return [
        NewNotice(
            recorded.stream,
            recorded.version,
            kinds[type(recorded.event)],
            recorded.stream,
            recorded.position,
            recorded.event.correlation,
        )
        for recorded in events
        if type(recorded.event) in kinds
    ]
