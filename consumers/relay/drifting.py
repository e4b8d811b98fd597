"""In what a topic is kept otherwise than the relay would make it: it is made once, and anybody may change it since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from consumers.relay.records import Topic
from consumers.relay.topics import Topics

GRAVE: Final = ("cleanup.policy", "message.timestamp.after.max.ms", "message.timestamp.before.max.ms",
                "message.timestamp.type", "min.insync.replicas", "retention.bytes", "retention.ms")  # fmt: skip
"""What decides whether records are kept, refused or told with the broker's own clock. The rest is a matter of room."""


def drifted(topics: Topics, wanted: Sequence[Topic]) -> list[str]:
    """What is otherwise than it would be made today, with the remedy, a sentence each; topics not there are left out.

    Raises: kafka.errors.KafkaError.
    """
    found = topics.find([topic.name for topic in wanted])
    there = [topic for topic in wanted if topic.name in found]
    configs = topics.configs([topic.name for topic in there])
    told: list[str] = []
    for topic in there:
        name, partitions = topic.name, found[topic.name].partitions
        if partitions != topic.partitions:
            told.append(
                f"topic {name} has {partitions} partitions and not {topic.partitions}: a case's records must stay in "
                "one, so set SARKMELI_KAFKA_PARTITIONS back, or delete the topic and fill it anew by `sarkmeli relay "
                "replay --from 0`"
            )
        if not configs.get(name):
            told.append(f"topic {name}: Kafka does not show how it is kept: give our account DescribeConfigs on it")
            continue
        should = topics.kept(topic)
        for key in (key for key in GRAVE if key in should):
            is_ = configs[name].get(key, "")
            if is_ != should[key]:
                told.append(
                    f"topic {name}: {key} is {is_} and not {should[key]}: `kafka-configs.sh --alter --topic {name} "
                    f"--add-config {key}={should[key]}`"
                )
    return told
