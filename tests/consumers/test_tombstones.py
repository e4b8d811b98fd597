"""Erased cases in the public stream: said once to be forgotten, then silence, and nothing left that leads back."""

from contextlib import ExitStack
from datetime import date, timedelta
from random import Random
from types import SimpleNamespace
from uuid import UUID

import pytest
import stories
from erasure_steps import decide, killed_at, rows
from story_records import PREFIX, told_ledger

from consumers.relay.forgotten import FORGOTTEN, Tombstones, Unpublishing
from consumers.relay.pseudonyms import Pseudonyms
from consumers.relay.publication import Publication
from housekeeping.publication import Numbering
from ledger.connecting import reading_pool
from ledger.opening import open_ledger
from sarkmeli.roles import DbRole


class Follower:
    """A relay into a list: what it sends, its position and the last tombstone said are committed together, or lost.

    For it every day is over.
    It may make the next batch's records ``ahead``, while it still sends this one's.
    """

    def __init__(self, reader, publication, tombstones):
        self.reader, self.publication, self.tombstones = reader, publication, tombstones
        self.sent, self.position, self.last, self.ahead = [], 0, 0, None

    @classmethod
    def of(cls, house):
        numbering = Numbering(house.pool)
        publication = Publication(house.ledger.reader, house.ledger.keys, numbering, PREFIX, 3)
        return cls(house.ledger.reader, publication, Tombstones(numbering, house.ledger.keys, PREFIX, lambda: date.max))

    def made(self, after, limit):
        batch = self.reader.follow(after, limit)
        return (batch[-1].position if batch else after), list(self.publication.records(batch))

    def step(self, limit=100_000, dies=None, ahead=False, meanwhile=lambda: None):
        position, sent = self.ahead or self.made(self.position, limit)
        self.ahead = self.made(position, limit) if ahead else None
        if dies == "numbered":
            return
        meanwhile()
        waiting = [one for one in self.tombstones.waiting(position) if one.id > self.last]
        if dies == "sent":
            return
        self.sent += sent + [one.record for one in waiting]
        self.position, self.last = position, max([self.last, *(one.id for one in waiting)])
        if dies != "committed":
            self.tombstones.said(self.last)

    def of_key(self, key):
        return [kind(record) for record in self.sent if record.key == key]


@pytest.fixture
def relay_of(at):
    """Opens what a relay works with, in the role of a relay, which may do that and no more."""
    with ExitStack() as opened:

        def relay():
            settings = at.house.settings
            ledger, keys = settings.ledger_as(DbRole.RELAY), settings.keys_as(DbRole.RELAY)
            known = open_ledger(ledger, keys, settings.key_holder)
            opened.callback(known.close)
            return Follower.of(SimpleNamespace(ledger=known, pool=opened.enter_context(reading_pool(ledger, 2))))

        yield relay


def kind(record):
    return dict(record.headers)["ce_type"].decode()


def key_of(house, case):
    (subject,) = {event.subject for event in house.office.history(case)[:1]}
    return next(iter(Pseudonyms(house.ledger.keys).of([subject]).values())).key


def erase(at, case):
    at.project()
    at.house.erasures.memory = 0.0
    assert at.house.erasures.carry_out(case)


def everything(at):
    """Every row of both databases, as text."""
    found = []
    for keys in (False, True):
        names = "SELECT schemaname || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname !~ '^(pg_|inform)'"
        for (name,) in rows(at, names, keys=keys):
            found += [text for (text,) in rows(at, f"SELECT t::text FROM {name} t", keys=keys)]
    return "\n".join(found)


def test_an_erased_case_is_forgotten_once_and_leaves_no_way_back(at, relay_of):
    case, other = at.register(), at.register("nino@example.org")
    follower = relay_of()
    follower.step()
    key, others = key_of(at.house, case), key_of(at.house, other)
    before = {one: follower.of_key(one) for one in (key, others)}
    assert all(before.values())
    ids = [dict(one.headers)["ce_id"].decode() for one in follower.sent if one.key == key]
    at.staff(at.holder(case), at.house.compatriot.withdraw, case)
    decide(at, case)
    positions = [one.position for one in at.house.ledger.reader.stream(case)]

    killed_at(at, case, "consumers.erasures", "leave_the_stream", "after")
    assert at.house.ledger.keys.subject_key(at.application(case).subject, fresh=True)
    assert rows(at, "SELECT octet_length(sealed) > 16 FROM housekeeping.forgotten") == [(True,)]
    assert key.decode() not in everything(at)
    assert UUID(key.decode()).hex not in everything(at)
    erase(at, case)
    for dies in ("numbered", "sent", "committed", None, None):
        follower.step(dies=dies)
    assert follower.of_key(key) == [*before[key], FORGOTTEN]
    assert follower.of_key(others) == before[others]
    told = follower.sent[-1]
    assert (told.topic, told.value, told.timestamp % 86_400_000) == (f"{PREFIX}.compatriot.v1", None, 0)
    assert "ce_time" not in dict(told.headers)

    left = everything(at)
    assert not [value for value in (key.decode(), key.decode().replace("-", ""), *ids) if value in left]
    assert rows(at, "SELECT FROM housekeeping.published_fact WHERE position = ANY(%s)", positions) == []
    streams = 'SELECT FROM housekeeping.published_stream WHERE "case" = %s OR stream = %s'
    assert rows(at, streams, case, case) == []
    counted = (
        'SELECT service, subject, sequence, began, elapsed, due FROM housekeeping.published_case WHERE "case" = %s'
    )
    assert rows(at, counted, case) == [("", None, 0, None, 0, None)]
    assert Pseudonyms(at.house.ledger.keys).now(at.application(case).subject) is None

    again = relay_of()
    again.step()
    assert {one.key for one in again.sent} == {others}
    assert again.of_key(others) == before[others]


def test_tombstones_are_said_once_their_day_is_over_together_and_in_no_order(at):
    cases = [at.register(f"a{number}@example.org") for number in range(4)]
    Follower.of(at.house).step()
    numbering, keys = Numbering(at.house.pool), at.house.ledger.keys
    for case in cases:
        Unpublishing(numbering, keys).forget(case, 1)
    ids = [id for (id,) in rows(at, "SELECT id FROM housekeeping.forgotten ORDER BY id")]
    last = at.house.ledger.reader.settled()
    third, day = ids[2], date(2026, 3, 1)
    with numbering._pool.connection() as db:
        db.execute("UPDATE housekeeping.forgotten SET day = %s", (day,))

    def said(today):
        return [one.id for one in Tombstones(numbering, keys, PREFIX, lambda: today).waiting(last)]

    assert said(day) == []
    orders = [said(day + timedelta(days=1)) for _ in range(50)]
    assert [sorted(one) for one in orders] == [ids] * 50
    assert len({tuple(one) for one in orders}) > 1
    assert sorted(said(None)) == ids, "by PostgreSQL's own day"
    with numbering._pool.connection() as db:  # by a clock that was set back
        db.execute("UPDATE housekeeping.forgotten SET day = %s WHERE id = %s", (day + timedelta(days=1), third))
    assert sorted(said(day + timedelta(days=1))) == ids[:2], "what is told by its id is behind nothing that waits"
    assert sorted(said(day + timedelta(days=2))) == ids


def test_a_case_that_was_never_numbered_never_shows(at):
    case, other = at.register(), at.register("nino@example.org")
    at.staff(at.holder(case), at.house.compatriot.withdraw, case)
    key = key_of(at.house, case)
    decide(at, case)
    killed_at(at, case, "consumers.erasures", "leave_the_stream", "after")  # its key is still there, and found
    follower = Follower.of(at.house)
    follower.step(3)
    erase(at, case)
    for _ in range(2):
        follower.step()
    assert follower.of_key(key) == []
    assert {one.key for one in follower.sent} == {key_of(at.house, other)}
    assert rows(at, "SELECT FROM housekeeping.forgotten") == []


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_when_each_is_said_once_and_last(new_database, tmp_path, seed):
    told_so = (stories.granted, stories.paid_twice, stories.in_term, stories.withdrawn_early, stories.waiting)
    random = Random(seed)
    with told_ledger(new_database, tmp_path, told_so, taxpayers=False) as told:
        house = SimpleNamespace(ledger=told.ledger, office=told.office, pool=told.pool)
        follower = Follower.of(house)
        keys = {story.case: key_of(house, story.case) for story in told.told}
        gone, shown = set(), {}
        events = len(told.events())

        def erases():
            if random.random() < 0.1 and len(gone) < 3:
                case = random.choice(sorted(keys.keys() - gone))
                numbered = told.rows('SELECT subject FROM housekeeping.published_case WHERE "case" = %s', case)
                shown[case] = bool(numbered)
                told.erase(case)
                gone.add(case)

        while follower.position < events:
            dies = random.choice((None, None, "numbered", "sent", "committed"))
            follower.step(random.choice((1, 2, 5)), dies, ahead=random.random() < 0.7, meanwhile=erases)
            if dies is not None:
                position, last, sent = follower.position, follower.last, follower.sent
                follower = Follower.of(house)
                follower.position, follower.last, follower.sent = position, last, sent
        follower.step()
        follower.step()
        assert follower.position == events
        assert gone
        for case, key in keys.items():
            its = follower.of_key(key)
            assert its.count(FORGOTTEN) == (case in gone and shown[case])
            assert FORGOTTEN not in its[:-1]
            numbers = [int(dict(one.headers)["ce_sequence"]) for one in follower.sent if one.key == key and one.value]
            assert numbers == list(range(1, len(numbers) + 1))
            if case in gone and not shown[case]:
                assert its == []
        assert {one.key for one in told.records()} == {key for case, key in keys.items() if case not in gone}
        whole = [one for one in told.records() if one.key in {keys[case] for case in keys.keys() - gone}]
        assert [one for one in follower.sent if one in whole] == whole
