"""A superuser disables the triggers and rewrites history after it was published: found, every time, and told where.

Every try is made in a transaction that is rolled back, against the checkpoints of one ledger.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from pathlib import Path
from random import Random

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from signed_ledger import SignedLedger

from ledger.leaves import FIRST, LAST, rows_in_order
from ledger.schema import make_ledger
from ledger.tree import Tree, stored_leaves

EVENTS = 620
CHECKPOINTS = (1, 200, 256, 470, EVENTS)
TAIL = 30
"""Events that no checkpoint signs for yet."""

BYTES = ("plain", "sealed", "command_key")
OTHERS = {
    "topic": "overlay(topic placing 'x' from 1 + %(at)s %% length(topic) for 1)",
    "version": "version + 1",
    "stream": "gen_random_uuid()",
    "key_id": "gen_random_uuid()",
    "at": "at + interval '1 microsecond'",
    "recorded_at": "recorded_at - interval '1 microsecond'",
    "lineage": "gen_random_uuid()",
}
COLUMNS = "stream, version, topic, plain, sealed, key_id, command_key, at, recorded_at, lineage"


@pytest.fixture(scope="module")
def signed(postgres, tmp_path_factory):
    name = "tampered"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    conninfo = make_conninfo(postgres, dbname=name)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        make_ledger(connection)
    signed = SignedLedger(conninfo, Path(tmp_path_factory.mktemp("tampered")))
    signed.add(EVENTS + TAIL)
    with signed.checkpointer() as checkpointer:
        had = 0
        for size in CHECKPOINTS:
            checkpointer.take(size - had)
            with checkpointer._standing() as connection:
                checkpointer._publish(connection)
            had = size
        checkpointer.take()
    yield signed
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class Superuser:
    """Changes history in one way or another; each gives the first position that is no longer what it was."""

    def __init__(self, connection, random: Random) -> None:
        self.do = connection.execute
        self.random = random
        self.positions = [row[0] for row in connection.execute("SELECT position FROM ledger.event ORDER BY 1")]
        self.signed = self.positions[:EVENTS]

    def change_one_byte(self) -> int:
        position = self.random.choice(self.signed)
        column = self.random.choice([*BYTES, *OTHERS])
        at = self.random.randrange(10**6)
        if column in BYTES:
            place = f"%(at)s %% length({column})"
            new = f"set_byte({column}, {place}, (get_byte({column}, {place}) + 1) %% 256)"
        else:
            new = OTHERS[column]
        changed = self.do(
            f"UPDATE ledger.event SET {column} = {new} WHERE position = %(position)s AND {column} IS NOT NULL",
            {"at": at, "position": position},
        )
        if not changed.rowcount:  # it was NULL: give it something
            value = {"sealed": "'\\x00', key_id = gen_random_uuid()", "key_id": "gen_random_uuid(), sealed = '\\x00'",
                     "command_key": "'\\x'", "at": "recorded_at"}[column]  # fmt: skip
            assert self.do(f"UPDATE ledger.event SET {column} = {value} WHERE position = %s", (position,)).rowcount
        return position

    def swap_two(self) -> int:
        one, other = sorted(self.random.sample(self.signed, 2))
        for old, new in ((one, -1), (other, one), (-1, other)):
            self.do("UPDATE ledger.event SET position = %s WHERE position = %s", (new, old))
        return one

    def move_into_gap(self) -> int:
        gap, moved = self.gap(), self.random.choice(self.signed)
        self.do("UPDATE ledger.event SET position = %s WHERE position = %s", (gap, moved))
        return min(gap, moved)

    def insert(self) -> int:
        gap = self.random.choice([self.gap(), self.gap(), 0, -self.random.randrange(1, 99)])
        self.do(
            f"INSERT INTO ledger.event (position, {COLUMNS}) SELECT %s, gen_random_uuid(), version, topic, plain, "
            "sealed, key_id, command_key, at, recorded_at, lineage FROM ledger.event WHERE position = %s",
            (gap, self.random.choice(self.signed)),
        )
        return gap

    def delete_one(self) -> int:
        position = self.random.choice(self.signed)
        self.do("DELETE FROM ledger.event WHERE position = %s", (position,))
        return position

    def delete_tail(self) -> int:
        position = self.random.choice(self.signed)
        self.do("DELETE FROM ledger.event WHERE position >= %s", (position,))
        return position

    def delete_tail_and_write_another(self) -> int:
        position = self.delete_tail()
        self.do(
            f"INSERT INTO ledger.event (position, {COLUMNS}) SELECT %s + number, gen_random_uuid(), 1, 'x', '{{}}', "
            "NULL, NULL, NULL, NULL, clock_timestamp(), gen_random_uuid() FROM generate_series(0, 700) AS number",
            (position,),
        )
        return position

    def gap(self) -> int:
        taken = set(self.positions)
        return self.random.choice([p for p in range(1, self.signed[-1]) if p not in taken])

    def change_the_tree_too(self) -> None:
        """As far as the database goes, the changed events are now what was always there."""
        self.do("TRUNCATE ledger.tile")
        self.do("UPDATE ledger.tree SET size = 0, position = 0")


WAYS = (
    Superuser.change_one_byte, Superuser.change_one_byte, Superuser.swap_two, Superuser.move_into_gap, Superuser.insert,
    Superuser.delete_one, Superuser.delete_tail, Superuser.delete_tail_and_write_another,
)  # fmt: skip


def tamper_and_find(signed: SignedLedger, seed: int) -> str:
    """One try; the name of what was done."""
    random = Random(seed)
    way = random.choice(WAYS)
    with signed.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("ALTER TABLE ledger.event DISABLE TRIGGER ALL")
        superuser = Superuser(connection, random)
        place = way(superuser)
        tree_too = random.random() < 0.4
        if tree_too:
            superuser.change_the_tree_too()
            Tree.load(connection).append(connection, list(rows_in_order(connection, FIRST, LAST)))
        verdict = signed.verify(connection)
        found = verdict.differs
        assert found is not None, (seed, way, place)
        untouched = [p for p in superuser.signed if p < place]
        index = len(untouched)
        failing = CHECKPOINTS[bisect_left(CHECKPOINTS, index + 1)]
        assert found.size == failing, (seed, way, place, found)
        assert found.after < place, (seed, way, place, found)
        assert found.position is None or place <= found.position, (seed, way, place, found)
        if not tree_too:
            assert found.exact, (seed, way, place, found)
            assert (found.index, found.after) == (index, untouched[-1] if untouched else FIRST), (
                seed,
                way,
                place,
                found,
            )
        assert str(place) in str(found) or found.position != place
    return f"{way.__name__}{' and the tree' if tree_too else ''}"


def test_an_untouched_ledger_is_well_and_its_unsigned_tail_may_grow(signed):
    verdict = signed.verify()
    assert verdict.is_well
    assert (verdict.checkpoints, verdict.events) == (len(CHECKPOINTS), EVENTS)
    with signed.connect() as connection:
        assert len(stored_leaves(connection, 3, 500)) == 497


def test_a_superusers_change_is_found_100_times_of_100(signed):
    done = Counter(tamper_and_find(signed, seed) for seed in range(100))
    assert len(done) == 14


@pytest.mark.long
def test_a_superusers_change_is_found_1000_times_of_1000(signed):
    assert sum(Counter(tamper_and_find(signed, seed) for seed in range(1000, 2000)).values()) == 1000


def test_files_taken_away_or_changed_are_said(signed, tmp_path):
    """What whoever holds the folder can do to it."""
    for size in signed.publication.sizes():
        (tmp_path / "checkpoints").mkdir(exist_ok=True)
        (tmp_path / "checkpoints" / signed.publication.name(size)).write_bytes(signed.publication.read(size))
    copied = SignedLedger(signed.conninfo, tmp_path)
    copied.signer = signed.signer
    last = tmp_path / "checkpoints" / copied.publication.name(EVENTS)
    note = last.read_bytes()
    assert copied.verify().is_well
    last.unlink()
    assert "620 events" in copied.verify().faults[0]
    last.write_bytes(note.replace(b"\n620\n", b"\n619\n"))
    assert "signature" in copied.verify().faults[0]
    last.write_bytes(copied.publication.read(470))
    assert "470" in copied.verify().faults[0]
