"""Members that poll, write, stall and die in any order, with tidying, sweeping and rebuilding in between."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from warehouse_house import place
from warehouse_log import Killed, Log, Member, at_commit, check, die

from consumers.warehouse.progress import reached
from consumers.warehouse.rebuilding import rebuild
from consumers.warehouse.tidying import Tidiness, tidy
from consumers.warehouse.writer import OutOfStep

WHO = st.sampled_from([0, 1, 2])
SAID = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 9)), min_size=3, max_size=8)
"""Partition, case, kind."""


class Warehouse(RuleBasedStateMachine):
    """Three members, of which any two may believe that a partition is theirs. The table is asked after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="sk-lake-"))
        self.where = place(self.folder)
        self.log = Log()
        self.members = [Member(self.log, self.where, mine) for mine in ((0,), (1,), (0, 1))]

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @initialize(said=SAID)
    def begin(self, said: list[tuple[int, int, int]]) -> None:
        """A table with rows in it, and members that have polled."""
        self.publish([*said, (0, 0, 0), (1, 0, 0), (0, 1, 1), (1, 1, 0)])
        self.write(2, 1000)
        self.publish(said)
        self.poll(0, 2)
        self.poll(2, 4)

    @rule(said=SAID)
    def publish(self, said: list[tuple[int, int, int]]) -> None:
        """Facts, mostly; every tenth a tombstone, every tenth of no sense."""
        for partition, number, kind in said:
            if kind == 8:
                self.log.tombstone(partition, 2 * number + partition)
            elif kind == 9:
                self.log.nonsense(partition)
            else:
                self.log.fact(partition, 2 * number + partition, day=1 + kind % 2)
        self.log.marker(said[0][0])

    @rule(who=WHO, most=st.integers(1, 5))
    def poll(self, who: int, most: int) -> None:
        self.members[who].gather(most)

    @rule(who=WHO, most=st.integers(0, 9))
    def write(self, who: int, most: int) -> None:
        member = self.members[who]
        if most:
            member.gather(most)
        try:
            member.write()
        except OutOfStep:
            member.begin()

    @rule(who=WHO, other=WHO, most=st.integers(0, 9))
    def write_while_another_does(self, who: int, other: int, most: int) -> None:
        if who != other:
            with at_commit(1, before=lambda: self.write(other, most)):
                self.write(who, most)

    @rule(who=WHO, number=st.integers(1, 3), late=st.booleans())
    def die_while_writing(self, who: int, number: int, late: bool) -> None:
        with at_commit(number, **{"after" if late else "before": die}), suppress(Killed):
            self.write(who, 9)
        self.members[who] = Member(self.log, self.where, self.members[who].partitions)

    @rule(who=WHO)
    def lose_and_get_back_partitions(self, who: int) -> None:
        self.members[who].begin()

    @rule(who=WHO, at_once=st.booleans())
    def tidy(self, who: int, at_once: bool) -> None:
        """Sweeps whatever is older than this moment: members write files only when they commit."""
        how = Tidiness(leftover_hours=-1 / 3600)
        tidy(self.members[who].warehouse, how, at_once=at_once, now=datetime.now(UTC) + timedelta(days=1))

    @rule(who=WHO, other=WHO)
    def tidy_while_another_writes(self, who: int, other: int) -> None:
        if who != other:
            with at_commit(1, before=lambda: self.write(other, 9)):
                tidy(
                    self.members[who].warehouse,
                    Tidiness(snapshots=3, unreadable_days=10_000),
                    now=datetime(2027, 1, 1, tzinfo=UTC),
                )

    @rule()
    def rebuild(self) -> None:
        rebuild(self.members[0].warehouse)

    @invariant()
    def each_once(self) -> None:
        check(self.members[0])

    @invariant()
    def nothing_of_no_sense_is_lost(self) -> None:
        places = reached(self.members[0].warehouse.facts.properties)
        table = self.members[0].warehouse.unreadable.refresh().scan().to_arrow()
        found = list(zip(table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True))
        assert len(found) == len(set(found))
        assert set(found) >= self.log.unreadable(places)


SHAPE = settings(
    # A failure is told as it was found: a step takes tens of milliseconds, and making it smaller would take minutes.
    phases=[Phase.reuse, Phase.generate],
    max_examples=8,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_any_order() -> None:
    run_state_machine_as_test(Warehouse, settings=SHAPE)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_any_order_at_length() -> None:
    run_state_machine_as_test(Warehouse, settings=settings(SHAPE, max_examples=100, stateful_step_count=40))
