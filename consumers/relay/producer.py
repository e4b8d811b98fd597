"""Sends records to Kafka in transactions: all of one are there for who reads what is committed, or none.

kafka-python commits a transaction although one of its sends has failed: a batch that expires, or that was in flight
when the producer's epoch was raised, fails its own future and nothing else. So every send is asked for its outcome
before the commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final, Self

import structlog
from kafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    UnknownError,
)

from consumers import kafka_clients
from consumers.relay.batches import Packing, Sent, TooLarge, hand_over
from consumers.relay.records import Record

log = structlog.get_logger("relay")

SETTINGS: Final[Mapping[str, Any]] = {
    "acks": "all",
    "enable_idempotence": True,
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
    # After a commit the coordinator still writes its markers, and refuses the next transaction until it has: the
    # client then sleeps this long (100 ms as it comes), which is nearly all that a small transaction takes.
    "retry_backoff_ms": 4,
    # A send that cannot be made within this fails, so that nothing waits for ever: all is read again and sent anew.
    "delivery_timeout_ms": 15_000,
    "request_timeout_ms": 10_000,
    "max_block_ms": 15_000,
    "bootstrap_timeout_ms": 10_000,
    "reconnect_backoff_max_ms": 1_000,
    "transaction_timeout_ms": 60_000,
    "batch_size": 256 << 10,
    "linger_ms": 10,
}
"""The producer's. ``linger_ms`` only gathers while records still come: the end of a transaction waits for nothing."""

_TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)

PATIENCE: Final = 20.0
"""Seconds for which sends, and then the end of a transaction, are waited for. The client would wait for ever."""


class Producer:
    """A transactional producer under one name: to make one fences every earlier one of that name for good.

    Raises at construction: kafka.errors.KafkaError. After any error it is of no more use: close it, make another.
    """

    def __init__(self, kafka: Mapping[str, Any], name: str, **more: Any) -> None:
        self._producer = kafka_clients.Producer(**kafka, transactional_id=name, **{**SETTINGS, **more})
        config = self._producer.config
        self._packing = Packing(config["batch_size"], config["max_request_size"])
        try:
            self._producer.init_transactions()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what was not committed."""
        try:
            self._producer.close(timeout=1)
        except KafkaTimeoutError:
            # It gives up before it ends its thread, which would go on for ever: an hour without a broker makes many.
            self._producer._sender.force_close()  # pyright: ignore

    def commit(self, records: Sequence[Record], partitions: Mapping[str, int]) -> None:
        """Send these in one transaction and return when it is committed. ``partitions``: how many each topic has.

        Raises: TooLarge, and then nothing was sent; kafka.errors.KafkaError, and then whether it was committed must be
        read back.
        """
        packed = self._packing.packed(records, partitions)
        self._producer.begin_transaction()
        self._all_or_none(
            [
                hand_over(self._producer, topic, partition, batch)
                for (topic, partition), batches in packed.items()
                for batch in batches
            ]
        )
        self._end(committed=True)

    def _all_or_none(self, sent: Sequence[Sent]) -> None:
        """Wait until every send has its outcome. Raises: TooLarge, KafkaError, for the first that failed."""
        deadline = monotonic() + PATIENCE  # without a broker the client's own time-outs do not pass either
        while not all(one.is_done for one in sent):
            try:
                self._producer.flush(timeout=max(0.0, deadline - monotonic()))
            except UnknownError:
                continue  # a batch was too large and has been split: what it was split into is waited for
        for one in sent:
            if (failed := one.failed()) is not None:
                record, error = failed
                if isinstance(error, _TOO_LARGE):
                    self._end(committed=False)
                    raise TooLarge(record) from error
                raise error if isinstance(error, KafkaError) else KafkaTimeoutError("a send has no outcome")

    def _end(self, *, committed: bool) -> None:
        """As `KafkaProducer.commit_transaction` and `abort_transaction`, which know no time-out. Raises: KafkaError."""
        transaction = self._producer._transaction_manager  # pyright: ignore
        ended = transaction.begin_commit() if committed else transaction.begin_abort()
        self._producer._sender.wakeup()  # pyright: ignore
        if not ended.wait(timeout_ms=PATIENCE * 1000):
            raise KafkaTimeoutError("whether the transaction was ended is not known")
