"""Why the relay stands still until a person has mended what the message names, instead of skipping or doubling."""

from __future__ import annotations

from ledger.reader import AheadOfLedger, OtherLineage
from ledger.recorded import Undecodable


class Halt(Exception):
    """The relay must not go on by itself; the message says why, and what to do."""


def deleted(topic: str) -> Halt:
    """Kafka does not have a topic any more into which the relay has written."""
    return Halt(f"topic {topic} is gone: run `sarkmeli relay replay --from 0`, which makes it anew and fills it")


def made_anew(topic: str) -> Halt:
    """The topic is another one under the same name, without what the relay has written."""
    return Halt(
        f"topic {topic} was deleted and made anew since the relay wrote into it: run `sarkmeli relay replay --from 0`, "
        f"which fills it; if anything stands in it, delete it before"
    )


def not_empty(topic: str) -> Halt:
    """Something stands in a topic of which the relay does not know that it wrote it."""
    return Halt(
        f"topic {topic} holds records that the relay's progress says nothing of: delete it (or choose another "
        "SARKMELI_KAFKA_TOPIC_PREFIX), then run `sarkmeli relay replay --from 0`"
    )


def other_partitions(topic: str, there: int, wanted: int) -> Halt:
    """With another number of partitions the records of one case would stand in two of them, in no order."""
    return Halt(
        f"topic {topic} has {there} partitions and not {wanted}: set SARKMELI_KAFKA_PARTITIONS={there} if it was made "
        "so; otherwise delete it, then run `sarkmeli relay replay --from 0`"
    )


def other_ledger(why: OtherLineage | AheadOfLedger) -> Halt:
    """What was published is of another ledger: of one from before a restore, or from after what this one holds."""
    return Halt(
        f"{why}: what the topics hold is not this ledger's history. Delete the topics, tell who reads them, then run "
        "`sarkmeli relay replay --from 0`"
    )


def too_large(position: int | None, topic: str, size: int) -> Halt:
    """No broker of these takes a record so large."""
    return Halt(
        f"the record of the event at position {position} for topic {topic} has {size} bytes, more than may be sent: "
        "start a release that sends less of it; nothing behind it is sent before"
    )


def unreadable(why: Undecodable) -> Halt:
    """This release does not know the event."""
    return Halt(str(why) if type(why) is not Undecodable else f"{why}: start the release that wrote it, or a later one")
