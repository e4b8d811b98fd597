"""The relay against a real Kafka: once, in order per key, and standing still where it must not go on."""

import json
from contextlib import closing
from dataclasses import replace
from uuid import UUID, uuid4

import psycopg
import pytest
from databases import ledger_and_keys
from kafka.errors import KafkaTimeoutError, UnknownTopicOrPartitionError
from relay_house import FACT, HIDDEN, Facts, Tombstones, by_key, house_at, until

from consumers.kafka_clients import Admin
from consumers.relay.batches import Packing, hand_over
from consumers.relay.halting import Halt
from consumers.relay.producer import Producer
from consumers.relay.progress import read_back
from consumers.relay.records import Record
from consumers.relay.relay import Relay
from consumers.relay.replaying import AtWork, replay
from consumers.relay.topics import Kept, Topics
from housekeeping.relay import standings
from ledger.aead import Tampered
from ledger.keys import KeysMissing, UnknownKey
from ledger.kms import KmsUnavailable
from ledger.lineage import begin_lineage

STREAMS = [UUID(int=number) for number in range(1, 8)]

FOR_EVER = {"configs": {"retention.ms": "-1"}}
"""For topics that a test makes itself: as it comes, a broker deletes records of long ago, at any moment of its own."""


@pytest.fixture
def house(new_database, kafka):
    return house_at(new_database(ledger_and_keys), {"bootstrap_servers": kafka.split(",")})


@pytest.fixture
def admin(house):
    with closing(Admin(**house.kafka)) as admin:
        yield admin


def delete(admin, topic):
    admin.delete_topics([topic])
    until(lambda: admin.describe_topics([topic])[0]["error_code"])


def test_what_may_leave_is_there_once_and_in_order_and_goes_on_after_a_restart(house):
    house.append(300, STREAMS)
    house.append(50, [uuid4()], topic=HIDDEN)
    with house.relaying():
        house.until_relayed()
        house.append(40, STREAMS)
        house.until_relayed()
    house.append(60, STREAMS)
    with house.relaying():
        house.until_relayed()
    records = house.consumed()
    assert by_key(records) == house.facts_in_the_ledger()
    assert {record.timestamp for record in records} == {1_700_002_800_000}
    assert records[0].headers[0][0] == "ce_id"


@pytest.mark.parametrize("when", ["before init_transactions", "after"])
def test_progress_that_is_read_before_the_older_producer_is_fenced_doubles(house, when):
    """The first case is the control: the same dance with the mistake in it is seen to send everything twice."""
    house.append(20, STREAMS)
    with house.ends() as ends, Topics(house.kafka, ends.kept) as topics:
        older = Relay(ends)
        with Producer(house.kafka, ends.name) as first:
            progress = older.resume(first, topics)
            stale = read_back(house.kafka, older.progress_topic.name)
            last, records, forgotten = older.next(progress)
            older.commit(first, records, progress, replace(progress, position=last, forgotten=forgotten))
            reads = {"read": lambda *_: stale} if when == "before init_transactions" else {}
            younger = Relay(ends, **reads)
            with Producer(house.kafka, ends.name) as second:
                progress = younger.resume(second, topics)
                last, records, forgotten = younger.next(progress)
                if records:
                    younger.commit(second, records, progress, replace(progress, position=last))
                with pytest.raises(Exception, match=r"(?i)fenced|epoch"):
                    older.commit(first, records or [older.told(progress)], progress, progress)
    doubled = by_key(house.consumed()) != house.facts_in_the_ledger()
    assert doubled == (when == "before init_transactions")


def test_tombstones_are_said_once_and_behind_the_records_that_they_end(house):
    house.append(10, STREAMS[:1])
    forgetting = Tombstones(house.facts.topic)
    forgetting.add(house.last() + 5, STREAMS[0])
    with house.relaying(forgetting=forgetting):
        house.until_relayed()
        assert all(record.value for record in house.consumed())
        house.append(5, STREAMS[:1])
        house.until_relayed()
        until(lambda: forgetting.ended[-1:] == [1])
        forgetting.add(house.last(), STREAMS[0], STREAMS[2])
        until(lambda: forgetting.ended[-1:] == [3])
    with house.relaying(forgetting=forgetting):  # rows may stay: who was killed did not say that they may go
        until(lambda: house.standing()[0])
        house.append(1, STREAMS[1:2])
        house.until_relayed()
    assert [bool(record.value) for record in house.consumed() if record.key.decode() == str(STREAMS[0])] == [
        *[True] * 15, False, False,
    ]  # fmt: skip
    assert [record.value for record in house.consumed() if record.key.decode() == str(STREAMS[2])] == [None]


@pytest.mark.parametrize("how", ["gone", "made anew"])
def test_a_topic_that_was_deleted_stops_the_relay_until_it_is_filled_anew_and_no_other_twice(house, admin, how):
    other = Facts(house.prefix, 2, "other")
    house.append(30, STREAMS)
    with house.relaying(outgoing=[house.facts, other]):
        house.until_relayed()
        with house.ends(outgoing=[house.facts, other]) as ends, pytest.raises(AtWork):
            replay(ends, 0, patience=1)
        delete(admin, house.facts.topic)
        if how == "made anew":
            made = {"num_partitions": 3, "replication_factor": 1, **FOR_EVER}
            admin.create_topics({house.facts.topic: made}, wait_for_metadata=True)
        assert "sarkmeli relay replay --from 0" in house.until_stopped()
        house.append(30, STREAMS)
        with house.ends(outgoing=[house.facts, other]) as ends:
            assert replay(ends, 0) == [house.facts.topic]
        until(lambda: house.standing() == (house.last(), None))
    for topic in (house.facts.topic, other.topic):
        assert by_key(house.consumed(topic)) == house.facts_in_the_ledger()


def test_a_replay_begins_behind_a_position_and_refuses_topics_that_are_as_they_were_left(house, admin):
    house.append(20, STREAMS)
    middle = house.last()
    house.append(20, STREAMS)
    with house.relaying():
        house.until_relayed()
    with house.ends() as ends:
        with pytest.raises(Halt, match="would be filled twice"):
            replay(ends, 0)
        delete(admin, house.facts.topic)
        with pytest.raises(Halt, match="last event stands at"):
            replay(ends, house.last() + 1)
        assert replay(ends, middle) == [house.facts.topic]
    with house.relaying():
        until(lambda: len(house.consumed()) == 20)
    assert by_key(house.consumed()) == house.facts_in_the_ledger(middle)


def test_a_topic_of_a_later_release_is_filled_from_the_beginning_and_the_others_not_twice(house):
    house.append(20, STREAMS)
    with house.relaying():
        house.until_relayed()
    other = Facts(house.prefix, 2, "other")
    house.append(20, STREAMS)
    with house.relaying(outgoing=[house.facts, other], batch=7):
        until(lambda: house.standing()[0] == house.last() and len(house.consumed(other.topic)) == 40)
    for topic in (house.facts.topic, other.topic):
        assert by_key(house.consumed(topic)) == house.facts_in_the_ledger()


def test_a_topic_that_is_left_out_for_a_while_misses_nothing_of_it(house):
    other = Facts(house.prefix, 2, "other")
    for wanted in ([house.facts, other], [house.facts], [house.facts], [house.facts, other]):
        house.append(20, STREAMS)
        with house.relaying(outgoing=wanted, batch=7):
            house.until_relayed()
            if other in wanted:
                until(lambda: by_key(house.consumed(other.topic)) == house.facts_in_the_ledger())
    assert by_key(house.consumed()) == house.facts_in_the_ledger()


def test_a_replay_keeps_the_place_of_a_topic_that_it_was_not_asked_about(house, admin):
    other = Facts(house.prefix, 2, "other")
    house.append(20, STREAMS)
    with house.relaying(outgoing=[house.facts, other]):
        house.until_relayed()
    delete(admin, house.facts.topic)
    with house.ends() as ends:
        assert replay(ends, 0) == [house.facts.topic]
    house.append(20, STREAMS)
    with house.relaying(outgoing=[house.facts, other], batch=7):
        until(lambda: house.standing() == (house.last(), None))
    for topic in (house.facts.topic, other.topic):
        assert by_key(house.consumed(topic)) == house.facts_in_the_ledger()


def test_a_topic_with_other_partitions_or_with_strange_records_stops_the_relay(house, admin):
    house.append(5, STREAMS)
    with house.relaying():
        house.until_relayed()
    with house.relaying(outgoing=[Facts(house.prefix, 4)]):
        assert "has 3 partitions and not 4" in house.until_stopped()
    strange = replace(house.facts, name="strange")
    with closing(Admin(**house.kafka)) as made:
        made.create_topics({strange.topic: {"num_partitions": 3, "replication_factor": 1}}, wait_for_metadata=True)
    with Producer(house.kafka, f"{house.prefix}.somebody") as somebody:
        somebody.commit([Record(strange.topic, b"key", b"value", (), 0)], {strange.topic: 3})
    with house.relaying(outgoing=[house.facts, strange]):
        assert "holds records that the relay's progress says nothing of" in until(
            lambda: (told := house.standing()[1]) and "strange" in told and told
        )


@pytest.mark.parametrize("how", ["another lineage", "ahead of the ledger"])
def test_progress_of_another_ledger_stops_the_relay(house, how):
    house.append(5, STREAMS)
    with house.relaying():
        house.until_relayed()
    with psycopg.connect(house.conninfo, autocommit=True) as db:
        if how == "another lineage":
            begin_lineage(db, "restored to yesterday")
        else:
            db.execute("SET session_replication_role = replica")
            db.execute("ALTER TABLE ledger.event DISABLE TRIGGER ALL")
            db.execute("DELETE FROM ledger.event WHERE position = (SELECT max(position) FROM ledger.event)")
    with house.relaying():
        stopped = house.until_stopped()
    assert "not this ledger's history" in stopped
    assert "sarkmeli relay replay --from 0" in stopped


def test_a_record_that_no_broker_takes_stops_the_relay_and_says_which_event(house):
    house.append(3, STREAMS)
    house.append(1, STREAMS, note="x" * 1_500_000)
    large = house.last()
    house.append(3, STREAMS)
    with house.relaying():
        assert f"at position {large}" in house.until_stopped()


def test_a_record_that_only_the_topic_does_not_take_stops_the_relay_and_says_which_event(house, admin):
    made = {"num_partitions": 3, "replication_factor": 1, "configs": {"max.message.bytes": "5000"}}
    admin.create_topics({house.facts.topic: made}, wait_for_metadata=True)
    house.append(300, STREAMS)  # together they are larger than the topic takes: such a batch is split
    house.append(1, STREAMS, note="x" * 20_000)
    with house.relaying():
        assert f"at position {house.last()}" in house.until_stopped()
    house.append(1, STREAMS)
    assert house.consumed() == []  # neither are those before it in its transaction


def test_what_kafka_refuses_of_the_topics_stops_the_relay(house):
    with house.relaying(kept=Kept(3)):
        assert "InvalidReplicationFactorError" in house.until_stopped()


def test_a_topic_that_a_broker_has_not_heard_of_yet_is_asked_for_again(house):
    class Late(Topics):
        def find(self, names):
            return {}

    with Late(house.kafka, Kept(1)) as topics, pytest.raises(UnknownTopicOrPartitionError):
        topics.make(house.facts.topics()[0])


def test_an_event_that_cannot_be_read_stops_the_relay_behind_those_before_it(house):
    class Fails(Facts):
        def records(self, recorded):
            for one in recorded:
                if one.topic != FACT:
                    _ = one.event
            return super().records(recorded)

    house.append(10, STREAMS)
    house.append(1, [uuid4()], topic="test.Unknown")
    house.append(10, STREAMS)
    with house.relaying(outgoing=[Fails(house.prefix)]):
        stopped = house.until_stopped()
    assert "start the release that wrote it" in stopped
    assert len(house.consumed()) == 10


def test_the_private_topic_holds_no_more_than_it_must(house, admin):
    house.append(5, STREAMS)
    with house.relaying() as relay:
        house.until_relayed()
    progress = house.consumed(relay.progress_topic.name)
    assert {record.key for record in progress} == {b"relay"}
    told = json.loads(progress[-1].value)
    assert (told["position"], told["forgotten"]) == (house.last(), 0)
    assert str(admin.describe_topics([house.facts.topic])[0]["topic_id"]) == told["topics"][house.facts.topic]["id"]


def batch_of(record):
    ((batch,),) = Packing(1000, 1000).packed([record], {record.topic: 1}).values()
    return batch


@pytest.mark.parametrize("whose", ["the client's", "ours"])
def test_a_commit_asks_every_send_for_its_outcome(house, admin, whose):
    """The first case is the control: the client commits a transaction of which one send has expired."""
    kept, lost = f"{house.prefix}.kept", f"{house.prefix}.lost"
    admin.create_topics({name: {"num_partitions": 1, **FOR_EVER} for name in (kept, lost)}, wait_for_metadata=True)
    records = [Record(topic, b"key", b"value", (), 0) for topic in (kept, lost)]
    with Producer(house.kafka, house.name, delivery_timeout_ms=3000, request_timeout_ms=2000) as ours:
        bare = ours._producer
        bare.begin_transaction()
        for one in records:
            bare.send(one.topic, one.value, one.key)
        bare.flush()
        delete(admin, lost)
        if whose == "ours":
            sent = [hand_over(bare, one.topic, 0, batch_of(one)) for one in records]
            with pytest.raises(KafkaTimeoutError, match="Expiring"):
                ours._all_or_none(sent)
        else:
            sent = [bare.send(one.topic, one.value, one.key) for one in records]
            bare.commit_transaction()
            assert [one.succeeded() for one in sent] == [True, False]
    if whose == "ours":
        Producer(house.kafka, house.name).close()  # who comes next ends what was begun
    assert len(house.consumed(kept)) == (0 if whose == "ours" else 2)


def test_a_broker_whose_clock_is_behind_takes_what_is_said(house):
    ahead = replace(house.facts, hour=4_000_000_000_000)  # as it comes, it refuses what is an hour ahead of it
    house.append(5, STREAMS)
    with house.relaying(outgoing=[ahead]):
        house.until_relayed()
    assert {record.timestamp for record in house.consumed()} == {ahead.hour}


class Unkept(Facts):
    """What leaves of events from a position on cannot be said: ``why``."""

    why: Exception
    position: int

    def records(self, recorded):
        if any(one.position >= self.position for one in recorded):
            raise self.why
        return super().records(recorded)


@pytest.mark.parametrize("why", [UnknownKey("no such key"), KeysMissing("no keys"), Tampered("changed")])
def test_keys_that_do_not_go_with_the_ledger_stop_the_relay_at_the_event_and_not_before(house, why):
    house.append(10, STREAMS)
    facts = Unkept(house.prefix)
    facts.why, facts.position = why, house.last()
    with house.relaying(outgoing=[facts]):
        stopped = house.until_stopped()
    assert f"the event at position {house.last()} cannot be published: {type(why).__name__}" in stopped
    assert len(house.consumed()) == 9


def test_what_holds_the_keys_may_be_away_for_a_while(house):
    house.append(10, STREAMS)
    facts = Unkept(house.prefix)
    facts.why, facts.position = KmsUnavailable("the token does not answer"), house.last()
    with house.relaying(outgoing=[facts]) as relay:
        until(lambda: house.standing()[0] == 0)
        facts.position += 1
        house.until_relayed()
        assert relay.ends.outgoing == [facts]
    assert by_key(house.consumed()) == house.facts_in_the_ledger()


def test_what_kafka_refuses_for_good_stops_the_relay(house, admin):
    made = {"num_partitions": 3, "replication_factor": 1, "configs": {"message.timestamp.before.max.ms": "3600000"}}
    admin.create_topics({house.facts.topic: made}, wait_for_metadata=True)
    house.append(5, STREAMS)
    with house.relaying():
        said = house.until_stopped()
        assert said.startswith("Kafka refuses: ")
        assert "InvalidTimestampError" in said


def test_a_relay_of_an_earlier_name_is_not_mourned_for_ever(house):
    with psycopg.connect(house.conninfo, autocommit=True) as db:
        for name, beat in (("gone", "2 hours"), ("silent", "10 minutes")):
            db.execute(
                "INSERT INTO housekeeping.relay VALUES (%s, gen_random_uuid(), now() - %s::interval)", (name, beat)
            )
        house.append(1, STREAMS)
        with house.relaying():
            house.until_relayed()
        assert {one.name for one in standings(db)} == {"silent", house.name}
