"""Records that are written batch by batch, and the batch that is made ready while another is committed."""

from contextlib import closing
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kafka.errors import KafkaTimeoutError, UnknownTopicOrPartitionError
from kafka.partitioner.default import murmur2
from kafka.record.default_records import DefaultRecordBatchBuilder
from relay_house import by_key, house_at

from consumers.kafka_clients import Admin
from consumers.relay.batches import AROUND, Packing, TooLarge, _builder
from consumers.relay.producer import Producer
from consumers.relay.records import Record
from consumers.relay.relay import Relay

STREAMS = [UUID(int=number) for number in range(1, 8)]
LARGEST = 1 << 20

keys = st.sampled_from([b"", b"k", b"another", b"\0\xff" * 40])
headers = st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=200)), max_size=4).map(tuple)
records = st.builds(
    Record, st.sampled_from(["a", "b"]), keys, st.none() | st.binary(max_size=300), headers, st.integers(0, 2**42)
)
PARTITIONS = {"a": 3, "b": 1}


@pytest.fixture
def house(new_database, kafka):
    return house_at(new_database(), {"bootstrap_servers": kafka.split(",")})


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(records, max_size=30), st.sampled_from([1, 700, LARGEST]))
def test_a_batch_is_to_the_byte_what_the_client_would_write(given, size):
    packed = Packing(size, LARGEST).packed(given, PARTITIONS)
    for topic, partition in packed:
        batches = packed[topic, partition]
        of_it = [
            one
            for one in given
            if (one.topic, (murmur2(one.key) & 0x7FFFFFFF) % PARTITIONS[one.topic]) == (topic, partition)
        ]
        assert [one for batch in batches for one in batch.records] == of_it
        for batch in batches:
            assert len(batch.records) == 1 or len(batch.written) <= size + AROUND
            ours = _builder({"compression_attrs": 0, "batch_size": size}, batch)
            theirs = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, LARGEST)
            for offset, one in enumerate(batch.records):
                theirs.append(offset, one.timestamp, one.key, one.value, list(one.headers))
            theirs.set_producer_state(7, 3, 11, True)
            ours.set_producer_state(7, 3, 11, True)
            ours.close()
            assert ours.buffer() == theirs.build()
            assert ours.next_offset() == len(batch.records)
    assert sum(len(batch.records) for batches in packed.values() for batch in batches) == len(given)


def test_a_record_for_which_there_is_no_room_is_named():
    small, large = (Record("a", b"k", b"x" * size, (), 0) for size in (10, 5000))
    with pytest.raises(TooLarge) as refused:
        Packing(100, 5000).packed([small, large], PARTITIONS)
    assert refused.value.record is large


def test_batches_that_the_topic_does_not_take_whole_are_split_and_come_in_order(house):
    made = {"num_partitions": 2, "replication_factor": 1, "configs": {"max.message.bytes": "5000"}}
    with closing(Admin(**house.kafka)) as admin:
        admin.create_topics({house.facts.topic: made}, wait_for_metadata=True)
    sent = [Record(house.facts.topic, b"%d" % (n % 3), b"%d" % n * 20, (("n", b"%d" % n),), n) for n in range(900)]
    with Producer(house.kafka, house.name) as producer:
        for half in (sent[:450], sent[450:]):
            producer.commit(half, {house.facts.topic: 2})
        with pytest.raises(UnknownTopicOrPartitionError):
            producer.commit(sent, {house.facts.topic: 100})
    found: dict[bytes, list[bytes]] = {}
    for record in house.consumed():
        found.setdefault(record.key, []).append(record.value)
    assert found == {b"%d" % key: [one.value for one in sent if one.key == b"%d" % key] for key in range(3)}


def test_what_was_made_ready_is_forgotten_when_the_commit_before_it_fails(house):
    house.append(200, STREAMS)
    failing = {2, 5, 6}
    with house.relaying(batch=20) as relay:
        commit, count = Relay.commit, 0

        def failed(producer, records, before, after):
            nonlocal count
            count += 1
            if count in failing:
                raise KafkaTimeoutError("it is lost on the way")
            commit(relay, producer, records, before, after)

        relay.commit = failed
        house.append(200, STREAMS)
        house.until_relayed()
    assert count > max(failing)
    assert by_key(house.consumed()) == house.facts_in_the_ledger()
