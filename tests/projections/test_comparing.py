"""Read models are compared with the ledger: what one byte changes is found, and named; nothing is disturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from story import paid

from projections import poison
from projections.all import MODELS
from projections.comparing import Comparison, compare
from projections.payments import PAYMENTS, REFUND
from projections.runner import Runner
from projections.status import STATUS
from projections.tracking import Place


@pytest.fixture
def db(own_history: Any) -> Iterator[Any]:
    Runner(own_history.conninfo, own_history.ledger.reader, MODELS).run_once()
    with psycopg.connect(own_history.conninfo, autocommit=True) as connection:
        yield connection


def compared(history: Any, model: Any, told: Callable[[Any], None] = lambda progress: None) -> Comparison:
    with (
        psycopg.connect(history.conninfo, autocommit=True) as ledger,
        psycopg.connect(history.conninfo) as serving,
    ):
        ledger.execute("SET default_transaction_read_only = on")
        serving.read_only = True
        serving.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return compare(serving, ledger, model, told)


def test_sound_models_are_what_the_ledger_says(own_history: Any, db: Any) -> None:
    for model in MODELS:
        found = compared(own_history, model)
        assert (found.is_well, found.unable, found.differences) == (True, None, [])
        assert found.served == found.folded != ""
        assert found.rows == sum(
            db.execute(f"SELECT count(*) FROM reading.{table.bare()}").fetchone()[0] for table in model.tables
        )


SPOILT = [
    ("set_byte(registration, 100, get_byte(registration, 100) # 1)", "registration"),
    ("position + 1", "position"),
    ("registered_at + interval '1 microsecond'", "registered_at"),
    ("jsonb_set(consents, '{PERSONAL_DATA,language}', '\"EN\"')", "consents"),
    ("'DECIDED'", "state"),
]


@pytest.mark.parametrize(("change", "column"), SPOILT, ids=[column for _, column in SPOILT])
def test_one_byte_in_one_row_is_found_and_named(own_history: Any, db: Any, change: str, column: str) -> None:
    case, table = own_history.case("waiting"), STATUS.applications.bare()
    assert db.execute(f"UPDATE reading.{table} SET {column} = {change} WHERE stream = %s", (case,)).rowcount == 1
    found = compared(own_history, STATUS)
    assert not found.is_well
    assert found.served != found.folded
    (difference,) = found.differences
    assert (difference.table, difference.key, difference.columns) == ("status", (case,), (column,))
    assert str(difference) == f"status {case} differs in {column}"
    assert all(compared(own_history, model).is_well for model in MODELS if model is not STATUS)


def test_a_row_too_many_or_too_few_is_found(own_history: Any, db: Any) -> None:
    db.execute(f"DELETE FROM reading.{PAYMENTS.payments.bare()}")
    (one,) = {difference.what for difference in compared(own_history, PAYMENTS).differences}
    assert one == "is missing"
    db.execute(
        f"INSERT INTO reading.{REFUND.bare()} (payment, stream, position, amount, currency, reason, due_at)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), 1, 1, 'GEL', 'NOT_OURS', now())"
    )
    found = compared(own_history, PAYMENTS)
    assert [one.what for one in found.differences if one.table == REFUND.name] == ["should not be there"]


@pytest.mark.parametrize("end", [0, 2**128 - 1], ids=["first", "last"])
def test_a_row_of_an_id_that_no_stream_has_is_found(own_history: Any, db: Any, end: int) -> None:
    table, nobody = STATUS.applications.bare(), UUID(int=end)
    db.execute(f"UPDATE reading.{table} SET stream = %s WHERE stream = %s", (nobody, own_history.case("waiting")))
    found = compared(own_history, STATUS)
    assert {(one.key, one.what) for one in found.differences} == {
        ((nobody,), "should not be there"),
        ((own_history.case("waiting"),), "is missing"),
    }


def test_a_model_that_goes_on_meanwhile_is_compared_as_it_stood(own_history: Any, db: Any) -> None:
    """The runner follows while the comparison reads."""
    went_on = []

    def told(progress: Any) -> None:
        own_history.story("waiting").given(paid)
        Runner(own_history.conninfo, own_history.ledger.reader, [STATUS]).run_once()
        went_on.append(progress)

    assert compared(own_history, STATUS, told).is_well
    assert went_on
    assert compared(own_history, STATUS).is_well


def test_a_quarantined_stream_is_left_out_and_named_and_not_all_is_well(own_history: Any, db: Any) -> None:
    case = own_history.case("waiting")
    db.execute(f"UPDATE reading.{STATUS.applications.bare()} SET state = 'DECIDED' WHERE stream = %s", (case,))
    first = next(one for one in own_history.events if one.stream == case)
    poison.add(db, Place(STATUS), poison.blame(first, ValueError()), poison.Bound())
    found = compared(own_history, STATUS)
    assert (found.is_same, found.is_well, found.apart) == (True, False, (case,))


def test_a_model_that_never_ran_says_so(own_history: Any) -> None:
    assert compared(own_history, STATUS).unable == "it never ran"
