"""The marts: however facts come, and whatever becomes of the table, they say what a count from scratch says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import duckdb
import marts_model
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mart_facts import NOON, Lives, Row, Step, arrow, rows_of
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import FileScanTask, Table

from consumers.analytics import changes, store
from consumers.analytics.changes import Changes, Mark
from consumers.analytics.store import Marts, Refreshed, opened
from consumers.warehouse.files import append
from consumers.warehouse.table import Place, open_table

BEGINS = datetime(2026, 3, 31, 20, 30, tzinfo=UTC)


def told(marts: Marts) -> dict[str, Any]:
    """The marts in the model's shape."""
    payments: Counter[tuple[Any, ...]] = Counter()
    for *key, count, amount in marts.rows("SELECT * FROM mart_payments"):
        payments[tuple(key)] += count
        if amount is not None:
            payments[(*key, "amount")] += amount
    counted = {"payments": payments}
    for name in ("cases", "term", "refusals", "activations"):
        counted[name] = Counter({tuple(key): count for *key, count in marts.rows(f"SELECT * FROM mart_{name}")})
    timed: dict[str, Any] = {
        "passages": {row[:3]: row[3:] for row in marts.rows("SELECT * FROM mart_passages")},
        "calls": {row[:2]: row[2:] for row in marts.rows("SELECT * FROM mart_calls")},
    }
    return counted | timed


MONEY = {"amount": "50.00", "currency": "GEL"}
STEPS: dict[str, Any] = {
    "application.paid": st.fixed_dictionaries(
        {"method": st.sampled_from(["CARD", "CASH"]), "received": st.just(MONEY)}
    ),
    "application.decided": st.fixed_dictionaries(
        {"outcome": st.sampled_from(["GRANTED", "REFUSED"]), "days_left": st.integers(-2, 2)}
    ),
    "application.reception_refused": st.just({"ground": "IDENTITY_DOUBT"}),
    "application.refund_due": st.just({"reason": "LAPSED"}),
    "registration.activated": st.fixed_dictionaries({"route": st.sampled_from(["VIDEO", "LINK"])}),
    "registration.activation_refused": st.fixed_dictionaries(
        {"ground": st.just("NO_VISUAL_CONTACT"), "ends": st.booleans()}
    ),
    "call.ended": st.fixed_dictionaries(
        {"outcome": st.sampled_from(["VERIFIED", "RECEPTION_REFUSED"]), "ground": st.none()}
    ),
}
PLAIN = {
    "compatriot": [
        "application.video_verified",
        "application.review_started",
        "application.information_requested",
        "application.refunded",
        "application.information_provided",
        "application.conclusion_prepared",
        "application.decision_delivered",
        "application.lapsed",
        "application.withdrawn",
        "application.consent_given",
    ],
    "taxpayer": ["registration.superseded", "registration.expired", "registration.activation_link_sent"],
    "both": ["call.requested", "call.claimed", "call.connected", "call.broken_off", "call.abandoned", "payment.opened"],
}
FIRST = {
    "compatriot": ("application.registered", {"tier": "STANDARD", "grounds": {"origin": True, "mother_tongue": True}}),
    "taxpayer": ("registration.registered", {"kind": "PERSON", "language": "ka"}),
}


@st.composite
def courses(draw: st.DrawFn) -> list[list[Row]]:
    """Some cases, each of any facts in any order, likely or not."""
    cases = []
    for number in range(draw(st.integers(1, 4))):
        service = draw(st.sampled_from(["compatriot", "taxpayer"]))
        own = "application." if service == "compatriot" else "registration."
        named = [*PLAIN[service], *PLAIN["both"], *(name for name in STEPS if name.startswith((own, "call.")))]
        steps = [Step(FIRST[service][0], 0, FIRST[service][1])]
        for name in draw(st.lists(st.sampled_from(named), max_size=9)):
            steps.append(Step(name, draw(st.integers(0, 4)) * 3_599, draw(STEPS[name]) if name in STEPS else {}))
        cases.append(rows_of(f"case-{number}", service, BEGINS + timedelta(hours=number), steps))
    return cases


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_arrival_gives_what_a_count_from_scratch_gives(data: st.DataObject) -> None:
    """Facts in any order, cut into any snapshots, some twice; cases forgotten at any time, and a part of them back."""
    arriving = data.draw(st.permutations([row for case in data.draw(courses()) for row in case]))
    held: list[Row] = []
    mark = None
    with TemporaryDirectory() as folder, opened(Path(folder) / "marts.duckdb") as marts:
        while arriving or mark is None:
            size = data.draw(st.integers(1, max(1, len(arriving))), label="arrive")
            came, arriving = arriving[:size], arriving[size:]
            if held and data.draw(st.booleans(), label="replayed"):
                came = [*came, *data.draw(st.lists(st.sampled_from(held), max_size=4))]
            went: list[Row] = []
            if data.draw(st.integers(0, 3), label="forgotten") == 0 and (held or came):
                gone = data.draw(st.sampled_from(sorted({row["case"] for row in [*held, *came]})))
                went = [row for row in held if row["case"] == gone]
                came = [row for row in came if row["case"] != gone]
            moved = data.draw(st.lists(st.sampled_from(held), max_size=3), label="tidied") if held else []
            held = [*(row for row in held if row not in went), *came]
            whole = data.draw(st.integers(0, 5), label="whole") == 0
            mark = Mark("table", len(held))
            found = (
                Changes(mark, [arrow(held)], [], whole=True)
                if whole
                else Changes(mark, [arrow([*came, *moved])], [arrow([*went, *moved])], whole=False)
            )
            with patch.object(store, "PORTION", data.draw(st.sampled_from([10, 500_000]), label="folded at once")):
                marts.take(found)
            assert told(marts) == marts_model.marts(held)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return open_table(Place(catalog=f"sqlite:///{tmp_path}/catalog.db", folder=str(tmp_path)))


def rewritten(table: Table, rows: Iterable[Row]) -> None:
    """All rows in files anew, in one snapshot that drops the files before: what tidying and forgetting leave."""
    kept = list(rows)
    with table.transaction() as change, change.update_snapshot().overwrite() as snapshot:
        for task in table.scan().plan_files():
            snapshot.delete_data_file(task.file)
    if kept:
        append(table, arrow(kept))


def test_a_real_table_is_followed_through_appends_tidying_forgetting_and_expiry(table: Table, tmp_path: Path) -> None:
    rows = Lives(7).year(NOON, weeks=3, applications=8, registrations=8)
    cases = sorted({row["case"] for row in rows})
    with opened(tmp_path / "marts.duckdb") as marts:
        assert marts.refresh(table) == Refreshed(0, 0, 0, 0, whole=True)
        for part in range(0, len(rows), 120):
            append(table, arrow(rows[part : part + 120]))
            table.refresh()
            done = marts.refresh(table)
            assert (done.came, done.whole) == (len(rows[part : part + 120]), False)
        assert told(marts) == marts_model.marts(rows)
        assert marts.refresh(table) == Refreshed(0, 0, 0, 0, whole=False)

        rewritten(table, rows)
        table.refresh()
        tidied = marts.refresh(table)
        assert (tidied.folded, tidied.forgotten, tidied.whole) == (0, 0, False)
        assert told(marts) == marts_model.marts(rows)

        left = rows
        for gone, lost in ((3, False), (5, True)):
            left = [row for row in rows if row["case"] not in cases[:gone]]
            before = [task.file.file_path for task in table.scan().plan_files()]
            rewritten(table, left)
            table.refresh()
            for path in before if lost else ():
                table.io.delete(path)
            done = marts.refresh(table)
            assert (done.forgotten, done.whole) == (2 if lost else 3, lost), "without its files nobody knows what went"
            assert told(marts) == marts_model.marts(left)

        append(table, arrow(rows_of("late", "taxpayer", NOON, Lives(1).registration())))
        table.refresh()
        newest = table.current_snapshot()
        assert newest is not None
        table.maintenance.expire_snapshots().by_ids(
            [one.snapshot_id for one in table.snapshots() if one.snapshot_id != newest.snapshot_id]
        ).commit()
        table.refresh()
        assert marts.refresh(table).whole
        assert told(marts) == marts_model.marts([*left, *rows_of("late", "taxpayer", NOON, Lives(1).registration())])


def test_no_more_than_a_file_and_a_portion_are_held_at_once(table: Table, tmp_path: Path) -> None:
    """The first refresh, a rebuild after all snapshots are gone, and tidying of the whole table."""
    rows = Lives(7).year(NOON, weeks=2, applications=8, registrations=8)
    for part in range(0, len(rows), 40):
        append(table, arrow(rows[part : part + 40]))
    table.refresh()
    steps: list[tuple[str, int]] = []
    to_table, register, fold = ArrowScan.to_table, Marts._register, Marts._fold_some

    def reads(self: ArrowScan, tasks: Iterable[FileScanTask]) -> pa.Table:
        steps.append(("read", sum(task.file.record_count for task in tasks)))
        return to_table(self, tasks)

    def takes(self: Marts, name: str, given: pa.Table) -> None:
        steps.append(("taken", given.num_rows))
        register(self, name, given)

    def folds(self: Marts, delta: str) -> tuple[int, int]:
        done = fold(self, delta)
        steps.append(("folded", self.rows("SELECT count(*) FROM merged")[0][0]))
        return done

    with (
        patch.object(ArrowScan, "to_table", reads), patch.object(Marts, "_register", takes),
        patch.object(Marts, "_fold_some", folds), patch.object(changes, "ROWS", 25),
        patch.object(store, "PORTION", len(rows) // 3), opened(tmp_path / "marts.duckdb") as marts,
    ):  # fmt: skip
        for whole in (True, True, False):
            if whole:
                marts.connection.execute("DELETE FROM mark")
            else:
                rewritten(table, rows)
                table.refresh()
            done = marts.refresh(table)
            assert (done.came, done.went, done.whole) == (len(rows), 0 if whole else len(rows), whole)
            held = 0
            for what, count in steps:
                held += {"read": count, "taken": -count, "folded": 0}[what]
                assert held <= 40 or not whole
                assert what != "taken" or count <= 25
            assert held == 0
            folded = [count for what, count in steps if what == "folded"]
            assert len(folded) >= 4
            assert sum(folded) == (len(rows) if whole else 0)
            assert max(folded) < len(rows)
            assert told(marts) == marts_model.marts(rows)
            steps.clear()


def test_forgotten_cases_leave_no_byte_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "marts.duckdb"
    rows = Lives(3).year(NOON, weeks=2, applications=20, registrations=20)
    gone = f"canary-{'x' * 40}"
    canary = rows_of(gone, "taxpayer", NOON, Lives(1).registration())
    with opened(path) as marts:
        marts.take(Changes(Mark("t", 1), [arrow([*rows, *canary])], [], whole=True))
        marts.connection.execute("CHECKPOINT")
        assert gone[:30].encode() in path.read_bytes()
        assert marts.take(Changes(Mark("t", 2), [], [arrow(canary)], whole=False)).forgotten == 1
        assert told(marts) == marts_model.marts(rows)
    assert [file.name for file in tmp_path.iterdir()] == ["marts.duckdb"]
    assert gone[:30].encode() not in path.read_bytes()


def test_a_refresh_that_breaks_leaves_the_marts_as_they_were(tmp_path: Path) -> None:
    rows = Lives(3).year(NOON, weeks=2, applications=5, registrations=5)
    other = rows_of("other", "taxpayer", NOON, Lives(1).registration())
    broken = [*other[:-1], {**other[-1], "data": "no JSON"}]
    with opened(tmp_path / "marts.duckdb") as marts:
        marts.take(Changes(Mark("t", 1), [arrow(rows)], [], whole=True))
        with pytest.raises(duckdb.Error):
            marts.take(Changes(Mark("t", 2), [arrow(broken)], [], whole=False))
        assert marts.mark == Mark("t", 1)
        assert told(marts) == marts_model.marts(rows)


@pytest.mark.parametrize("at", ["while it reads", "before it commits"])
def test_a_fold_that_is_killed_harms_nothing(tmp_path: Path, at: str) -> None:
    path = tmp_path / "marts.duckdb"
    rows = Lives(3).year(NOON, weeks=2, applications=5, registrations=5)
    with opened(path) as marts:
        marts.take(Changes(Mark("t", 1), [arrow(rows)], [], whole=True))
    code = f"""
import os, signal
from pathlib import Path
from mart_facts import NOON, Lives, arrow
from consumers.analytics.changes import Changes, Mark
from consumers.analytics.store import Marts, opened

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def came():
    yield arrow(Lives(4).year(NOON, weeks=2, applications=9, registrations=9))
    if {at!r} == "while it reads":
        die()

fold = Marts._fold
Marts._fold = lambda marts, found: die(fold(marts, found))
with opened(Path({str(path)!r})) as marts:
    marts.take(Changes(Mark("t", 2), came(), [], whole=False))
"""
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[3])])
    killed = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, check=False)
    assert killed.returncode == -signal.SIGKILL
    with opened(path) as marts:
        assert marts.mark == Mark("t", 1)
        assert told(marts) == marts_model.marts(rows)
    assert [file.name for file in tmp_path.iterdir()] == ["marts.duckdb"]


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "marts.duckdb"
    code = f"""
from pathlib import Path
from consumers.analytics.store import Busy, opened
try:
    with opened(Path({str(path)!r})):
        print("opened")
except Busy:
    print("busy")
"""
    with opened(path):
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout == "busy\n"
