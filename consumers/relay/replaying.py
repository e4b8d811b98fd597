"""What a person does to the relay by hand: fill topics that were made anew, and look how far it is."""

from __future__ import annotations

import threading
from typing import Final

from consumers.relay import leading
from consumers.relay.agreeing import replayed
from consumers.relay.halting import Halt
from consumers.relay.producer import Producer
from consumers.relay.relay import Ends, Relay
from consumers.relay.topics import Topics

PATIENCE: Final = 20.0
"""Seconds for which a replay waits for its turn: a relay that stands still gives it up every few seconds."""


class AtWork(Exception):
    """A relay is at work, which needs no replay."""


def replay(ends: Ends, start: int, patience: float = PATIENCE) -> list[str]:
    """Have every topic that is gone, or was made anew, filled from after position ``start``; which these are.

    The relay does it when it goes on; its turn is waited for ``patience`` seconds.

    Raises: AtWork, Halt, psycopg.Error, kafka.errors.KafkaError.
    """
    relay = Relay(ends)
    with leading.lead(ends.conninfo, ends.name, threading.Event(), patience) as lead:
        if lead is None:
            raise AtWork("a relay is at work: there is nothing to be mended, or stop it first")
        with Producer(ends.kafka, ends.name) as producer, Topics(ends.kafka, ends.kept) as topics:
            found = relay.found(topics)
            last = ends.reader.settled()
            if start > last:
                raise Halt(f"the ledger's last event stands at {last}")
            progress, filled = replayed(found, relay.topics, topics, ends.reader.lineage(), start)
            producer.commit([relay.told(progress)], relay.partitions)
    return filled
