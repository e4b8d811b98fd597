"""Read models from Kafka: another PostgreSQL, fed by the internal topic, holds the same rows to the byte."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import kafka
import psycopg
import pytest
import stories
from internal_topic import InternalTopic, marks, member_of, mirror_hash, position_of, reached, until
from sources import Told, spoilt
from story import erased, erasure_requested, paid
from tallies import HaltingMeddlers
from taxpayer_stage import Stage

from consumers.mirror import retrying
from consumers.mirror.comparing import compare_mirror
from consumers.mirror.envelope import Unreadable, opened, packed
from consumers.mirror.member import Lost, Member, group_of
from consumers.mirror.mirror import Mirror
from consumers.mirror.outgoing import internal_topic, partition_of
from consumers.mirror.reached import Reached
from consumers.mirror.topics import Topics
from consumers.relay.publication import services, topic_name
from domain.erasure import LegalGround
from domain.event import ERASED
from ledger.lineage import OtherLineage
from ledger.reader import Recorded
from projections import partitions, poison, registration, rows, status
from projections.all import MODELS
from projections.follower import Follower
from projections.partitions import CannotBePartitioned, OtherSource
from projections.poison import Poison
from projections.registration import REGISTRATION
from projections.schema import MIRROR_DDL
from projections.status import STATUS
from projections.tracking import Fenced, Place
from projections.waiting import Waiting
from sarkmeli import warehouse
from sarkmeli.settings import Settings

PARTITIONS = 3


@pytest.fixture
def mirrors(new_database: Callable[[], str]) -> Callable[[], str]:
    """Makes databases of a mirror: no ledger, no keys."""

    def make() -> str:
        conninfo = new_database()
        with psycopg.connect(conninfo) as db:
            for statement in MIRROR_DDL:
                db.execute(statement)
        return conninfo

    return make


@pytest.fixture
def mirror(mirrors: Callable[[], str]) -> str:
    return mirrors()


@pytest.fixture
def topics(kafka: str) -> Iterator[Callable[..., InternalTopic]]:
    made: list[InternalTopic] = []

    def make(lineage: Any = None) -> InternalTopic:
        made.append(InternalTopic(kafka, PARTITIONS, lineage))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def topic(topics: Callable[..., InternalTopic]) -> InternalTopic:
    return topics()


@pytest.fixture
def db(mirror: str) -> Iterator[Any]:
    with psycopg.connect(mirror, autocommit=True) as connection:
        yield connection


@pytest.fixture
def local(reading: str) -> Callable[..., str]:
    """The hash of a model that follows the ledger itself."""

    def hashed(events: Any, model: Any = STATUS) -> str:
        with psycopg.connect(reading, autocommit=True) as db:
            follower = Follower(db, Told(events), Place(model), 1000)
            while follower.step():
                pass
            return rows.table_hash(db, Place(model))

    return hashed


def end(events: Any) -> int:
    return events[-1].position


def test_an_envelope_is_every_column_of_the_ledger_s_row(history: Any) -> None:
    lineage = uuid4()
    for one in history.events:
        assert (again := opened(packed(one, lineage.bytes), 7)) == one
        assert (again.lineage, again.next, again.event) == (lineage, 8, one.event)
    sound = packed(history.events[0], lineage.bytes)
    for wrong in (None, b"", b"\x02" + sound[1:], sound[:-1], sound[:1], b"\x01\xc1", sound + b"x"):
        with pytest.raises(Unreadable):
            opened(wrong, 7)


def test_who_may_read_all_that_is_public_may_not_read_the_internal_topic() -> None:
    """An ACL for whatever begins with the public topics' prefix, of topics and of groups, opens nothing of ours."""
    assert all(topic_name("office", service).startswith("office.") for service in services())
    collectors = warehouse.group_of(Settings(kafka_topic_prefix="office"))
    for ours in (internal_topic("office"), group_of("office", STATUS, uuid4()), collectors):
        assert not ours.startswith("office.")
        assert ours.startswith("office-"), "the relay's own rights are given for what begins with the prefix"


def test_every_model_of_the_mirror_holds_the_same_rows(
    history: Any, mirror: str, topic: InternalTopic, local: Callable[..., str]
) -> None:
    """Though some was written in vain, and some is said again from the beginning by a relay that was told to."""
    events = history.events
    topic.send(events[:100])
    topic.send(events[50:], end="abort")
    topic.send(events[100:200])
    topic.send(events[:150])
    topic.send(events[200:])
    assert {one.number for one in marks(mirror, STATUS)} == set()
    for model in MODELS:
        with member_of(topic, mirror, model, batch=30) as member:
            reached(topic, mirror, model, end(events), member)
        assert mirror_hash(mirror, model) == local(events, model)
        assert all(one.position for one in marks(mirror, model)), "each partition had its share"


def test_two_members_share_the_work_and_one_goes_on_alone(
    history: Any, mirror: str, topic: InternalTopic, local: Callable[..., str]
) -> None:
    half = len(history.events) // 2
    with member_of(topic, mirror, STATUS, batch=5) as stays:
        with member_of(topic, mirror, STATUS, batch=5) as leaves:
            until(lambda: stays.marks and leaves.marks, lambda: (stays.step(0.1), leaves.step(0.1)))
            assert not stays.marks.keys() & leaves.marks.keys()
            topic.send(history.events[:half])
            reached(topic, mirror, STATUS, history.events[half - 1].position, stays, leaves)
            topic.send(history.events[half:])
            leaves.step(0.1)
        reached(topic, mirror, STATUS, end(history.events), stays)
    assert mirror_hash(mirror, STATUS) == local(history.events)


def polled(member: Member) -> dict[Any, Any]:
    """What it has in its hand, and has not done."""
    found: dict[Any, Any] = {}
    until(lambda: found, lambda: found.update(member._poll(0.1)))
    return found


def overtaken(history: Any, mirror: str, topic: InternalTopic) -> Iterator[Any]:
    """A member with a batch in its hand, whose partitions another has taken and finished meanwhile."""
    topic.send(history.events)
    with member_of(topic, mirror, STATUS, batch=10) as zombie:
        in_hand = polled(zombie)
        with psycopg.connect(mirror, autocommit=True) as db:
            partitions.claim(db, Place(STATUS), range(PARTITIONS), uuid4())
        yield zombie, in_hand


def test_a_member_that_lost_its_partitions_writes_nothing(history: Any, mirror: str, topic: InternalTopic) -> None:
    for zombie, in_hand in overtaken(history, mirror, topic):
        before = mirror_hash(mirror, STATUS), marks(mirror, STATUS)
        for place, records in in_hand.items():
            with pytest.raises(Fenced):
                zombie._take(place.partition, records)
        assert (mirror_hash(mirror, STATUS), marks(mirror, STATUS)) == before


def test_control_without_the_fence_it_writes(
    history: Any, mirror: str, topic: InternalTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfenced = partitions._MOVE.replace("AND holder = %s AND next = %s", "AND (holder, next) IS DISTINCT FROM (%s, %s)")
    monkeypatch.setattr(partitions, "_MOVE", unfenced)
    for zombie, in_hand in overtaken(history, mirror, topic):
        before = mirror_hash(mirror, STATUS)
        for place, records in in_hand.items():
            zombie._take(place.partition, records)
        assert mirror_hash(mirror, STATUS) != before


def test_the_whole_is_nowhere_that_a_partition_is_not(history: Any, mirror: str, db: Any, topic: InternalTopic) -> None:
    """One partition stands still: what another has seen last says nothing of it."""

    def naive() -> int:
        return max(one.position for one in marks(mirror, STATUS))

    topic.send(history.events)
    last = partition_of(history.events[-1].stream, PARTITIONS)
    with member_of(topic, mirror, STATUS) as member, Topics(topic.client) as brokers:
        until(lambda: member.marks, lambda: member._poll(0.0))
        still = kafka.TopicPartition(topic.topic.name, (last + 1) % PARTITIONS)
        member._consumer.pause(still)
        member._consumer.seek(still, 0)
        look = Reached(STATUS, brokers.written)
        until(
            lambda: max(one.position for one in marks(mirror, STATUS)) == end(history.events), lambda: member.step(0.1)
        )
        assert member.marks[still.partition].position == 0
        for _ in range(3):
            member.step(0.1)
            assert look.look(db) == 0
        assert naive() == end(history.events), "which would be wrong"
        member._consumer.resume(still)
        reached(topic, mirror, STATUS, end(history.events), member)


def test_a_transaction_that_is_not_ended_is_waited_for(
    history: Any, mirror: str, db: Any, topic: InternalTopic, local: Callable[..., str]
) -> None:
    topic.send(history.events[:100])
    with member_of(topic, mirror, STATUS) as member:
        reached(topic, mirror, STATUS, history.events[99].position, member)
        topic.send(history.events[100:], end="leave")
        for _ in range(5):
            assert member.step(0.1) == 0
        assert position_of(mirror, STATUS) == history.events[99].position
        topic.producer.commit_transaction()
        reached(topic, mirror, STATUS, end(history.events), member)
    assert mirror_hash(mirror, STATUS) == local(history.events)


def test_a_poisoned_stream_is_set_apart_and_mended_from_the_topic(
    history: Any, mirror: str, db: Any, topic: InternalTopic, local: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sick = next(one for one in history.events if one.stream == history.case("granted") and "Paid" in one.topic)
    sound = STATUS.by_topic[sick.topic]

    def raises(recorded: Recorded, event: Any) -> Any:
        return 1 / 0 if recorded.stream == sick.stream else sound(recorded, event)

    monkeypatch.setitem(STATUS.by_topic, sick.topic, raises)
    topic.send(history.events)
    with member_of(topic, mirror, STATUS, batch=50) as member:
        reached(topic, mirror, STATUS, end(history.events), member)
        [apart] = poison.every(db)
        assert (apart.stream, apart.position) == (sick.stream, sick.position)
        assert mirror_hash(mirror, STATUS) == local(history.events), "the local one has set the same apart"
        found = member.source
        with pytest.raises(Poison):
            retrying.retry(db, STATUS, sick.stream, found, topic.client)
        assert [one.retries for one in poison.every(db)] == [1]
        monkeypatch.setitem(STATUS.by_topic, sick.topic, sound)
        assert retrying.retry(db, STATUS, sick.stream, found, topic.client)
        assert not retrying.retry(db, STATUS, sick.stream, found, topic.client)
    with psycopg.connect(history.conninfo, autocommit=True) as ledger, psycopg.connect(mirror) as snapshot:
        monkeypatch.setattr("consumers.mirror.comparing.current_lineage", lambda _: topic.lineage)
        assert compare_mirror(snapshot, ledger, STATUS).is_well


def test_an_event_that_no_program_can_read_is_set_apart_too(
    history: Any, mirror: str, db: Any, topic: InternalTopic
) -> None:
    events = list(history.events)
    number = next(at for at, one in enumerate(events) if "Paid" in one.topic)
    events[number] = spoilt(events[number])
    topic.send(events)
    with member_of(topic, mirror, STATUS) as member:
        reached(topic, mirror, STATUS, end(events), member)
    assert [one.stream for one in poison.every(db)] == [events[number].stream]


def test_what_is_no_envelope_stops_the_model(history: Any, mirror: str, topic: InternalTopic) -> None:
    topic.producer.begin_transaction()
    topic.producer.send(topic.topic.name, key=history.events[0].stream.bytes, value=b"\x09something").get(60)
    topic.producer.commit_transaction()
    with member_of(topic, mirror, STATUS) as member, pytest.raises(Unreadable, match="of format 9"):
        until(lambda: False, lambda: member.step(0.1))


def test_another_topic_of_the_same_name_is_refused_until_the_model_begins_anew(
    history: Any, mirror: str, db: Any, topic: InternalTopic, local: Callable[..., str]
) -> None:
    topic.send(history.events[:100])
    with member_of(topic, mirror, STATUS) as member:
        reached(topic, mirror, STATUS, history.events[99].position, member)
    topic.admin.delete_topics([topic.topic.name])
    topic.make_again()
    with pytest.raises(OtherSource), member_of(topic, mirror, STATUS):
        pass
    partitions.forget(db, Place(STATUS))
    topic.send(history.events)
    with member_of(topic, mirror, STATUS) as member:
        reached(topic, mirror, STATUS, end(history.events), member)
    assert mirror_hash(mirror, STATUS) == local(history.events)


def test_another_lineage_is_refused(history: Any, mirror: str, topic: InternalTopic) -> None:
    topic.send(history.events[:100])
    topic.lineage = uuid4()
    topic.send(history.events[100:])
    with member_of(topic, mirror, STATUS, batch=20) as member, pytest.raises(OtherLineage):
        until(lambda: False, lambda: member.step(0.1))


def test_records_that_are_gone_are_not_skipped(history: Any, mirror: str, topic: InternalTopic) -> None:
    topic.send(history.events)
    topic.admin.delete_records({kafka.TopicPartition(topic.topic.name, at): 3 for at in range(PARTITIONS)})
    with member_of(topic, mirror, STATUS) as member, pytest.raises(Lost):
        until(lambda: False, lambda: member.step(0.1))


def test_an_empty_database_is_filled_while_the_first_goes_on(
    history: Any, mirrors: Callable[[], str], topic: InternalTopic, local: Callable[..., str]
) -> None:
    """Another database shares no group with the first: each is given everything."""
    first, second = mirrors(), mirrors()
    topic.send(history.events[:200])
    with member_of(topic, first, STATUS) as old, member_of(topic, second, STATUS) as new:
        reached(topic, first, STATUS, history.events[199].position, old, new)
        topic.send(history.events[200:])
        reached(topic, first, STATUS, end(history.events), old, new)
        reached(topic, second, STATUS, end(history.events), old, new)
        with psycopg.connect(first, autocommit=True) as db:
            partitions.forget(db, Place(STATUS))
        topic.send(history.events[-1:])
        with pytest.raises(Fenced):
            until(lambda: False, lambda: old.step(0.1))
    with member_of(topic, first, STATUS) as again:
        reached(topic, first, STATUS, end(history.events), again)
    assert mirror_hash(first, STATUS) == mirror_hash(second, STATUS) == local(history.events)


def test_who_reads_the_mirror_opens_it_with_the_key_store_and_an_erasure_ends_that(
    own_history: Any, mirror: str, topics: Callable[..., InternalTopic], pool_of: Callable[[str], Any]
) -> None:
    ledger = own_history.ledger
    topic = topics(ledger.reader.lineage())
    topic.send(own_history.events)
    own_history.story("waiting").given(paid)
    topic.send(ledger.reader.follow(end(own_history.events), 1000))
    with member_of(topic, mirror, STATUS) as member:
        reached(topic, mirror, STATUS, ledger.reader.settled(), member)
    pool = pool_of(mirror)
    with Waiting(mirror, pool) as waiting:
        assert waiting.wait_for(STATUS, ledger.reader.settled(), 60), "as a token's holder waits"
        assert not waiting.wait_for(STATUS, ledger.reader.settled() + 1, 0.05)
    found = status.find(pool, own_history.case("waiting"))
    row = found.known()
    assert found.position == ledger.reader.settled()
    assert row is not None
    assert row.row["paid_at"] is not None
    sealed = row.dossier.registration
    assert sealed is not None
    facts = ledger.sealer.open(sealed)
    assert ERASED not in facts.values()
    said = {
        piece for piece in re.findall(r"[^\W\d_]{6,}", repr(facts["form"])) if not piece.isascii() or piece.istitle()
    }
    sent = b"".join(record.value or b"" for record in topic.outgoing.records(ledger.reader.follow(0, 1000)))
    assert {"MAISURADZE", "მაისურაძე"} & {piece.upper() for piece in said}
    assert not [piece for piece in said if piece.encode() in sent], "nothing of the person stands there in clear"
    with psycopg.connect(own_history.conninfo, autocommit=True) as db, psycopg.connect(mirror) as snapshot:
        assert compare_mirror(snapshot, db, STATUS).is_well
    ledger.keys.erase(row.subject)
    assert set(ledger.sealer.open(sealed).values()) == {ERASED}


def active(stage: Stage) -> None:
    stage.queue.entered.clear()
    stage.files("linked", username="linked-name", identification="01001000006")
    stage.visits("linked", visitor=stage.standing("01001000006"))


def in_the_tables(db: Any, models: Any) -> str:
    return "".join(
        row[0] for model in models for table in model.tables
        for row in db.execute(f"SELECT to_jsonb(t)::text FROM reading.{table.bare()} t")
    )  # fmt: skip


def test_an_erasure_that_was_done_while_the_mirror_was_down(
    histories: Callable[..., Any],
    mirrors: Callable[[], str],
    topics: Callable[..., InternalTopic],
    pool_of: Callable[[str], Any],
    local: Callable[..., str],
) -> None:
    """What the mirror holds meanwhile is noise where it was sealed; once it is back, the rows are gone."""
    history = histories(stories.granted, stories.waiting, taxpayers=(active,))
    ledger, story, stage = history.ledger, history.story("granted"), history.taxpayers
    case, registered = history.case("granted"), stage.cases["linked"]
    topic, kept, mirror = topics(ledger.reader.lineage()), (STATUS, REGISTRATION), mirrors()

    def catch_up(conninfo: str) -> None:
        for model in kept:
            with member_of(topic, conninfo, model) as member:
                reached(topic, conninfo, model, ledger.reader.settled(), member)

    def opened_of(conninfo: str) -> set[Any]:
        row = status.find(pool_of(conninfo), case).known()
        assert row is not None
        assert row.dossier.registration is not None
        return set(ledger.sealer.open(row.dossier.registration).values())

    def still_there(sealed: set[str]) -> list[str]:
        with psycopg.connect(mirror) as db:
            everything = in_the_tables(db, kept)
        return [key for key in sealed if key in everything]

    topic.send(history.events)
    catch_up(mirror)
    assert ERASED not in opened_of(mirror)
    assert registration.find(pool_of(mirror), registered).known() is not None

    story.given(erasure_requested)
    stage.is_to_be_erased("linked", LegalGround.RETENTION_OVER)
    for subject in {
        *story.erasures.belongings(case).subjects,
        *stage.erasures.belongings(registered).subjects,
    }:
        ledger.keys.erase(subject)
    story.given(erased)
    events = ledger.reader.read(0, 10_000)
    topic.send(events[len(history.events) :])
    erasing = (story.erasures.belongings(case), stage.erasures.belongings(registered))
    streams = {stream for belongings in erasing for stream in belongings.streams}
    sealed = {one.sealed.key_id.hex for one in events if one.sealed and one.stream in streams}
    assert opened_of(mirror) == {ERASED}, "the row is there while the mirror is down, and can be read by nobody"
    assert still_there(sealed)

    catch_up(mirror)
    assert not still_there(sealed), "nothing of them stays, sealed or not"
    pool = pool_of(mirror)
    assert (status.find(pool, case).row, registration.find(pool, registered).row) == (None, None)
    assert status.find(pool, history.case("waiting")).known() is not None
    late = mirrors()
    catch_up(late)
    for model in kept:
        with psycopg.connect(mirror) as snapshot, psycopg.connect(history.conninfo, autocommit=True) as db:
            assert compare_mirror(snapshot, db, model).is_well
        assert mirror_hash(mirror, model) == mirror_hash(late, model) == local(events, model)


def test_compare_finds_what_was_changed_lost_or_is_not_there_yet(
    own_history: Any, mirror: str, db: Any, topics: Callable[..., InternalTopic]
) -> None:
    topic = topics(own_history.ledger.reader.lineage())
    events = own_history.events
    lost = max(at for at, one in enumerate(events) if one.stream == own_history.case("granted"))

    def compared() -> Any:
        with psycopg.connect(own_history.conninfo, autocommit=True) as ledger, psycopg.connect(mirror) as snapshot:
            return compare_mirror(snapshot, ledger, STATUS)

    assert compared().unable == "it never saw an event"
    topic.send(events[: len(events) // 2])
    with member_of(topic, mirror, STATUS, batch=3) as member:
        until(lambda: any(one.position for one in marks(mirror, STATUS)), lambda: member.step(0.1))
        assert compared().is_well, "each partition is compared as far as it is"
        reached(topic, mirror, STATUS, events[len(events) // 2 - 1].position, member)
        topic.send([*events[len(events) // 2 : lost], *events[lost + 1 :]])
        reached(topic, mirror, STATUS, end(events), member)
    (told,) = [str(one) for one in compared().differences]
    assert told.startswith(f"status {own_history.case('granted')} differs in ")
    db.execute(
        f"UPDATE reading.{STATUS.applications.bare()} SET tier = 'OTHER' WHERE stream = %s",
        (own_history.case("waiting"),),
    )
    told = [str(one) for one in compared().differences]
    assert f"status {own_history.case('waiting')} differs in tier" in told


def test_a_model_whose_rows_are_of_many_streams_is_refused(mirror: str) -> None:
    with pytest.raises(CannotBePartitioned, match="follows the ledger itself"):
        Mirror(mirror, [HaltingMeddlers()], {}, "any")
