"""kafka-python's clients, untyped: the type checker brings stubs of an older release, and gets most of them wrong.

Made here they raise why they cannot reach Kafka, after ten seconds where nothing else is said.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from consumers.kafka_reasons import saying_why

REACHED_WITHIN: Final = 10_000
"""Milliseconds for which a client tries to reach the first broker. As it comes, 30 s or 40 pass without a word."""

_kafka: Any = import_module("kafka")

Admin: Any = saying_why(_kafka.KafkaAdminClient, bootstrap_timeout_ms=REACHED_WITHIN)
Consumer: Any = saying_why(_kafka.KafkaConsumer, bootstrap_timeout_ms=REACHED_WITHIN)
Producer: Any = saying_why(_kafka.KafkaProducer, bootstrap_timeout_ms=REACHED_WITHIN)
TopicPartition: Any = _kafka.TopicPartition
ConfigResource: Any = import_module("kafka.admin").ConfigResource
OffsetSpec: Any = import_module("kafka.admin").OffsetSpec
error_of: Any = import_module("kafka.errors").for_code
"""The class of an error code."""
murmur2: Any = import_module("kafka.partitioner.default").murmur2
"""The hash by which Kafka's own clients choose a key's partition."""

# What follows is the inside of the client, on which `consumers.relay.batches` stands.
encode_varint: Any = import_module("kafka.record.util").encode_varint
MemoryRecordsBuilder: Any = import_module("kafka.record.memory_records").MemoryRecordsBuilder
ProducerBatch: Any = import_module("kafka.producer.producer_batch").ProducerBatch
FutureRecordMetadata: Any = import_module("kafka.producer.future").FutureRecordMetadata
