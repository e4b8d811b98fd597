"""What happened is never changed, and the tables may be made again over themselves."""

from __future__ import annotations

import psycopg
import pytest
from ledger_house import House
from ledger_samples import somebody, write
from psycopg import sql

from domain.office import Office
from ledger.opening import Ledger
from ledger.schema import make_key_store, make_ledger


@pytest.mark.parametrize("session", ["origin", "replica"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger.event SET topic = topic",
        "DELETE FROM ledger.event",
        "TRUNCATE ledger.event",
        "UPDATE ledger.event SET sealed = NULL, key_id = NULL WHERE false",
        "UPDATE ledger.lineage SET reason = ''",
        "DELETE FROM ledger.lineage",
        "TRUNCATE ledger.lineage",
        "UPDATE ledger.command SET position = 0",
        "DELETE FROM ledger.command",
        "INSERT INTO ledger.event SELECT * FROM ledger.event ON CONFLICT (position) DO UPDATE SET topic = ''",
    ],
)
def test_history_refuses_every_change(standing_house: House, change: str, session: str) -> None:
    house = standing_house
    if not house.ask("SELECT 1 FROM ledger.event"):
        office, ledger = house.office(), house.open()
        write(office, office.act(somebody(), "write"), ledger.keys.mint())
    everything = "SELECT e::text, c::text, l::text FROM ledger.event e, ledger.command c, ledger.lineage l"
    before = house.ask(everything)
    connection = house.connect()
    connection.execute(sql.SQL("SET session_replication_role = {}").format(session))
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
        connection.execute(change)
    assert house.ask(everything) == before
    assert len(before) == 1


def test_a_partition_is_guarded_as_its_table_is(house: House, ledger: Ledger, office: Office) -> None:
    write(office, office.act(somebody(), "write"), ledger.keys.mint())
    [(partition,)] = house.ask("SELECT tableoid::regclass::text FROM ledger.command")
    connection = house.connect()
    for session in ("origin", "replica"):
        connection.execute(sql.SQL("SET session_replication_role = {}").format(session))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"DELETE FROM {partition}")


def test_making_the_tables_again_changes_nothing_and_stands_in_nobodys_way(
    house: House, ledger: Ledger, office: Office
) -> None:
    write(office, office.act(somebody(), "write"), ledger.keys.mint(), ("number", "1"))
    shape = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'ledger'"
    before = house.ask(f"{shape} ORDER BY 1, 2"), house.ask("SELECT e::text FROM ledger.event e")
    reading = house.connect()
    with reading.transaction():
        reading.execute("SELECT count(*) FROM ledger.event").fetchall()
        with psycopg.connect(house.ledger_conninfo, autocommit=True) as connection:
            connection.execute("SET lock_timeout = '2s'")
            make_ledger(connection)
        make_key_store(house.keys_conninfo)
    assert (house.ask(f"{shape} ORDER BY 1, 2"), house.ask("SELECT e::text FROM ledger.event e")) == before
    write(office, office.act(somebody(), "write"), ledger.keys.mint())


def test_the_guard_is_put_back_where_it_was_taken_away(house: House, ledger: Ledger, office: Office) -> None:
    write(office, office.act(somebody(), "write"), ledger.keys.mint())
    house.ask("ALTER TABLE ledger.event DISABLE TRIGGER append_only")
    with psycopg.connect(house.ledger_conninfo, autocommit=True) as connection:
        make_ledger(connection)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        house.ask("DELETE FROM ledger.event")
