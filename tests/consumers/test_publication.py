"""What leaves the house: the same records for the same events whoever asks when, each as its description promises."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
import stories
from jsonschema import Draft202012Validator
from stored import FOLDER as STORED
from story_records import PREFIX, told_ledger

from consumers.relay import facts
from consumers.relay.asyncapi import document
from consumers.relay.facts import CannotPublish, reading_of, told_by, type_of
from domain.calendar import tbilisi_date
from domain.compatriot.term import due_on
from domain.publishing import Published
from ledger.codec import dump
from ledger.recorded import Recorded
from ledger.shape import shape_of
from ledger.topics import event_class, event_classes

ROOT = Path(__file__).parents[2]
BEGUN_ANEW = """
TRUNCATE housekeeping.published_fact, housekeeping.published_stream, housekeeping.published_case;
UPDATE housekeeping.publication SET position = 0
"""

PROGRAM = """
import hashlib, sys
from pathlib import Path
from psycopg_pool import ConnectionPool
from consumers.relay.publication import Publication
from housekeeping.publication import Numbering
from ledger.opening import open_ledger

ledger = open_ledger(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
with ConnectionPool(sys.argv[1], kwargs={"autocommit": True}, min_size=1) as pool:
    publication = Publication(ledger.reader, ledger.keys, Numbering(pool), sys.argv[4], 3)
    told = publication.records(ledger.reader.follow(0, 100_000))
print(hashlib.sha256(repr(told).encode()).hexdigest())
ledger.close()
"""


@pytest.fixture(scope="module")
def whole(standing_database, tmp_path_factory):
    """Every story, told once. Whoever adds to it leaves what is there."""

    with told_ledger(standing_database, tmp_path_factory.mktemp("told")) as made:
        yield made


@pytest.fixture
def told(whole):
    """As nobody has published anything yet."""
    begin_anew(whole)
    return whole


def header(record, name):
    return dict(record.headers)[name].decode()


def begin_anew(told):
    with told.pool.connection() as db:
        db.execute(BEGUN_ANEW)


def digest(records):
    return hashlib.sha256(repr(list(records)).encode()).hexdigest()


def in_cuts(told, events, random):
    """The records of events in batches of any size, some of them asked for twice, by one who is often begun anew."""
    found, at = [], 0
    publication = told.publication()
    while at < len(events):
        batch = events[at : at + random.choice((1, 1, 2, 7, 40))]
        if random.random() < 0.3:
            publication.records(batch)  # numbered, and killed before anything of it was sent
            publication = told.publication()
        found.extend(publication.records(batch))
        at += len(batch)
    return found


def test_same_events_same_records(told):
    events, records = told.events(), told.records()
    assert len(records) > 150
    assert told.records() == records
    for seed in range(4):
        begin_anew(told)
        assert in_cuts(told, events, Random(seed)) == records
    begin_anew(told)
    middle = len(events) // 2
    later = list(told.publication().records(events[middle:]))  # somebody begins in the middle, and nobody before
    assert later == records[-len(later) :]
    assert [*told.publication().records(events[:middle]), *later] == records
    arguments = [told.conninfo, told.keys_conninfo, str(told.folder / "told-keys"), PREFIX]
    for seed in ("0", "77"):
        begin_anew(told)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        said = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], env=environment, cwd=ROOT,
                              capture_output=True, text=True, check=True)  # fmt: skip
        assert said.stdout.strip() == digest(records)


def test_two_who_number_at_once_give_one_numbering(told):
    events, records = told.events(), told.records()
    begin_anew(told)
    with ThreadPoolExecutor(4) as pool:
        found = [one.result() for one in [pool.submit(in_cuts, told, events, Random(seed)) for seed in range(4)]]
    assert found == [records] * 4


def test_facts_of_a_case_are_counted_over_all_its_streams(told):
    records = told.records()
    of_case: dict[bytes, list] = {}
    for record in records:
        of_case.setdefault(record.key, []).append(record)
    assert len(of_case) == len([one for one in records if header(one, "ce_type").endswith(".registered.v1")])
    assert len({header(one, "ce_id") for one in records}) == len(records)
    for its in of_case.values():
        assert [int(header(one, "ce_sequence")) for one in its] == list(range(1, len(its) + 1))
        assert ["ce_elapsed" in dict(one.headers) for one in its] == [False] + [True] * (len(its) - 1)
        hours = [datetime.fromisoformat(header(one, "ce_time")) for one in its]
        assert [int(hour.timestamp()) * 1000 for hour in hours] == [one.timestamp for one in its]
        for (before, one), hour in zip(pairwise(hours), its[1:], strict=True):
            seconds = (one - before).total_seconds()
            assert abs(seconds - int(header(hour, "ce_elapsed"))) < 3600
    granted = told.told[0]
    times = [one.at for one in told.ledger.reader.stream(granted.case) if reading_of(one.topic) is not None]
    its = next(its for its in of_case.values() if len(its) == max(map(len, of_case.values())))
    assert header(its[-1], "ce_type") == "sarkmeli.compatriot.application.decision_delivered.v1"
    elapsed = sum(int(header(one, "ce_elapsed")) for one in its[1:])
    assert elapsed == int((times[-1] - times[0]).total_seconds())
    decided = next(json.loads(one.value) for one in its if header(one, "ce_type").endswith(".decided.v1"))
    days = (due_on(granted.application.due) - tbilisi_date(granted.application.standing.decided_at)).days
    assert decided == {"days_left": days, "outcome": "GRANTED"}


def test_only_money_that_was_found_to_be_a_cases_is_published(told):
    types = {header(one, "ce_type") for one in told.records()}
    assert "sarkmeli.payments.payment.matched.v1" in types
    assert not [name for name in types if "suspense" in name or "cash" in name]
    (story,) = told.tell([stories.in_suspense])
    known = len(told.records())
    (last, payment) = max((one.position, one.stream) for one in told.events() if one.topic.endswith(".PutInSuspense"))
    assert told.rows("SELECT FROM housekeeping.published_stream WHERE stream = %s", payment) == []
    story.payments.match(story.act(stories.CASHIER), payment=payment, case=story.case, reasons="Her brother paid.")
    later = told.publication().records([one for one in told.events() if one.position > last])
    assert [header(one, "ce_type").split(".")[3] for one in later] == ["matched", "refund_due"]
    assert [json.loads(one.value) for one in later] == [{"matching": "CASHIER"}, {"reason": "WRONG_AMOUNT"}]
    assert {one.key for one in later} == {told.records()[known - 1].key}


def test_what_is_read_fast_is_what_is_read_slowly(told):
    sealer = told.ledger.sealer
    compared = 0
    for one in told.events():
        reading = reading_of(one.topic)
        if reading is None:
            continue
        fast, slow = reading.read(one), reading._told(one, one.event, is_newest=False)
        assert fast.is_newest
        assert (fast.fact, fast.values) == (slow.fact, slow.values)
        assert fast.data(3, sealer) == slow.data(3, sealer)
        compared += 1
    assert compared > 150


def test_every_event_ever_stored_can_be_published():
    read, versions = set(), set()
    for path in sorted(STORED.glob("*.json")):
        for position, row in enumerate(json.loads(path.read_text())["events"], 1):
            recorded = as_stored(position, row)
            for told in told_by([recorded]):
                assert facts.encode(told.values)
                read.add(row["topic"])
                versions.add((row["topic"], told.is_newest))
    assert read == {topic for topic in event_classes() if reading_of(topic) is not None and not is_a_tests(topic)}
    assert ("videobar.Call.Requested", False) in versions


def is_a_tests(topic):
    return not event_class(topic).__module__.startswith("domain.")


def as_stored(position, row):
    """A stored story's event as a row of the ledger, but with nothing in its sealed part."""
    shape = shape_of(event_class(row["topic"]))
    plain = {name: value for name, value in row["facts"].items() if name not in shape.personal}
    sealed = sorted(row["facts"].keys() & shape.personal)
    written = {"class_version": row["class_version"], "facts": plain} | ({"sealed": sealed} if sealed else {})
    stream = UUID(row["stream"])
    key = (b"sealed", stream) if sealed else (None, None)
    when = datetime.fromisoformat(plain["timestamp"])
    return Recorded(position, stream, row["version"], row["topic"], dump(written), *key, when)


def test_what_cannot_be_read_stops_the_stream_before_anything_is_numbered(told):
    events = list(told.events())
    public = next(at for at, one in enumerate(events) if one.topic == "compatriot.Application.Paid")
    private = next(at for at, one in enumerate(events) if one.topic == "payments.Payment.CashReceived")
    for at, topic in ((public, "compatriot.Application.Paid"), (private, "compatriot.Application.NotKnownYet")):
        one = events[at]
        broken = Recorded(one.position, one.stream, one.version, topic, b"{}", None, None, one.recorded_at)
        with pytest.raises(CannotPublish, match="start the relay of a release that reads it") as stopped:
            told.publication().records([*events[:at], broken, *events[at + 1 :]])
        assert stopped.value.position == one.position
        assert told.numbering.position() == 0
    one = events[private]
    nobodys = Recorded(one.position, one.stream, one.version, one.topic, b"{", None, None, one.recorded_at)
    before = told.publication().records([*events[:private], nobodys])
    assert told.records()[: len(before)] == list(before)


def test_a_list_that_ended_says_what_it_said_and_no_more(told, monkeypatch):
    kind = event_class("compatriot.Application.ConsentGiven")
    before = told.records()
    ended = type_of(kind)
    assert of_type(before, ended)
    listed = kind.PUBLIC
    monkeypatch.setattr(kind, "PUBLIC", Published(listed.version, *listed.paths, opens=listed.opens, ended=True))
    reading_of.cache_clear()
    try:
        assert told.records() == before, "a replay fills the places that it has"
        told.tell([stories.granted])
        after = told.records()
        assert document(json.loads((ROOT / "asyncapi.json").read_text()))
    finally:
        reading_of.cache_clear()
    assert after[: len(before)] == before
    assert len(after) > len(before)
    assert of_type(after, ended) == of_type(before, ended)
    sequences = {}
    for record in after:
        sequences.setdefault(record.key, []).append(int(dict(record.headers)["ce_sequence"]))
    assert all(found == list(range(1, len(found) + 1)) for found in sequences.values())


def of_type(records, kind):
    return [one for one in records if f".{kind}.".encode() in dict(one.headers)["ce_type"]]


def test_every_record_is_as_described(told):
    described = document(json.loads((ROOT / "asyncapi.json").read_text()))
    topics = {one.name: one for one in told.publication(7).topics()}
    assert {one.partitions for one in topics.values()} == {7}
    (gone,) = told.tell([stories.withdrawn_early])
    records = told.records()
    told.erase(gone.case)
    records += [one.record for one in told.tombstones.waiting(10**9)]
    seen = {refused_by(described, record, topics) for record in records}
    assert seen >= {"sarkmeli.case.forgotten.v1", "sarkmeli.taxpayer.registration.activated.v1"}


def refused_by(described, record, topics):
    """The type of a record, which is valid."""
    service = record.topic.removeprefix(f"{PREFIX}.").removesuffix(".v1")
    assert record.topic in topics
    told = {name: value.decode("ascii") for name, value in record.headers}
    reference = described["channels"][service]["messages"][told["ce_type"]]["$ref"]
    assert reference == f"#/components/messages/{told['ce_type']}"
    message = described["components"]["messages"][told["ce_type"]]
    closed = {"components": described["components"]}
    valid(message["headers"] | closed, told)
    assert set(told) <= set(described["components"]["schemas"]["FactHeaders"]["properties"])
    data = None if record.value is None else json.loads(record.value)
    valid(strict(message["payload"]), data)
    if data is not None:
        assert record.value == json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
    return told["ce_type"]


def valid(schema, value):
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(value)


def strict(schema):
    """The schema with nothing in it that it does not name: what our own records are held to."""
    if isinstance(schema, dict):
        closed = {"additionalProperties": False} if "properties" in schema else {}
        return {key: strict(value) for key, value in schema.items()} | closed
    return [strict(one) for one in schema] if isinstance(schema, list) else schema
