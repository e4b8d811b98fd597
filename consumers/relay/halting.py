"""Why the relay stands still until a person has mended what the message names, instead of skipping or doubling."""

from __future__ import annotations

from typing import Final

from kafka.errors import (
    InvalidConfigurationError,
    InvalidPartitionsError,
    InvalidReplicationFactorError,
    InvalidTimestampError,
    InvalidTopicError,
    InvalidTransactionTimeoutError,
    KafkaError,
    PolicyViolationError,
    SecurityDisabledError,
    UnsupportedForMessageFormatError,
    UnsupportedVersionError,
)

from consumers import kafka_reasons
from ledger.aead import Tampered
from ledger.keys import KeysMissing, UnknownKey
from ledger.reader import AheadOfLedger, OtherLineage
from ledger.recorded import Undecodable

KEYS_WRONG: Final = (UnknownKey, KeysMissing, Tampered)
"""The key store is not the one that goes with the ledger, or one of them was changed. No second try mends that."""

REFUSALS: Final = (
    *kafka_reasons.REFUSED,
    InvalidConfigurationError,
    InvalidPartitionsError,
    InvalidReplicationFactorError,
    InvalidTimestampError,
    InvalidTopicError,
    InvalidTransactionTimeoutError,
    PolicyViolationError,
    SecurityDisabledError,
    UnsupportedForMessageFormatError,
    UnsupportedVersionError,
)
"""What Kafka says again however often it is asked."""


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


def keys_wrong(position: int | None, why: Exception) -> Halt:
    """Whose case it is cannot be told, or not what may be told of it."""
    where = "an event" if position is None else f"the event at position {position}"
    return Halt(
        f"{where} cannot be published: {type(why).__name__}: {why}. Put back the key store that goes with this ledger "
        "(docs/running.md, Restoring a backup), and run `sarkmeli audit verify`; nothing behind it is sent before"
    )


def unknown_progress(why: ValueError) -> Halt:
    """The relay's own topic holds what this release does not understand."""
    return Halt(f"the relay's progress cannot be read: {why}")


def refused(why: KafkaError) -> Halt:
    """Kafka will not have it so."""
    return Halt(
        f"Kafka refuses: {str(why)[:500]}. Mend what it names: SARKMELI_KAFKA_…, the account, its rights "
        "(docs/running.md, Kafka) or the topic's settings"
    )


def refusal_in(error: KafkaError) -> KafkaError | None:
    """What Kafka refuses for good, if that is what ``error`` tells: the client wraps it in an error of its own."""
    told = (error, *error.args)
    return next((one for one in told if isinstance(one, REFUSALS)), None)
