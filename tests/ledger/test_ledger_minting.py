"""Minting for a cause: whoever mints, and however often, one subject stands for it as long as its key is there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from ledger_house import House

from ledger.epochs import turn_epoch
from ledger.keys import KeyStore
from ledger.kms import KeyFolder
from sarkmeli.migrate import KEYS, migrate_one
from sarkmeli.roles import DbRole

CAUSE = "bank-transaction 4711"


def rotated(house: House) -> KeyStore:
    """A process that begins after a second version of the MAC key was made."""
    folder = KeyFolder(house.folder)
    folder.create("mac", 2)
    house.ask_keys(
        "INSERT INTO keystore.secret (name, version, fingerprint) VALUES ('mac', 2, %s)", folder.fingerprint("mac", 2)
    )
    return house.open().keys


def test_all_who_mint_for_a_cause_at_once_are_given_one_subject(house: House) -> None:
    """In two processes; whoever mints for another, or for nothing, is given another."""
    processes = house.open().keys, house.open().keys
    ready = Barrier(12)

    def mint(number: int) -> tuple[int, object]:
        ready.wait()
        cause = number // 2 % 3
        return cause, processes[number % 2].mint((CAUSE, f"{CAUSE} a", None)[cause])

    with ThreadPoolExecutor(12) as minters:
        minted = list(minters.map(mint, range(12)))
    of_cause = [{subject for of, subject in minted if of == cause} for cause in range(3)]
    assert [len(one) for one in of_cause] == [1, 1, 4]
    assert len(set[object]().union(*of_cause)) == 6
    assert house.ask_keys("SELECT count(*) FROM keystore.subject") == [(6,)]


def test_a_cause_is_found_by_whoever_has_a_newer_key(house: House) -> None:
    before = house.open().keys
    first = before.mint(CAUSE)
    after = rotated(house)
    assert before.mac("minted for", CAUSE) != after.mac("minted for", CAUSE)
    assert after.mint(CAUSE) == first


def test_a_cause_outlives_the_epoch_and_not_the_key(house: House) -> None:
    """Who was erased never comes back: the cause goes to somebody new."""
    keys = house.open().keys
    first = keys.mint(CAUSE)
    sealed = keys.seal(first, b"who paid", b"")
    turn_epoch(house.keys_as(DbRole.ERASER), KeyFolder(house.folder))
    assert keys.mint(CAUSE) == first
    assert house.open().keys.unseal(first, sealed, b"") == b"who paid"

    house.erase(first, keys)
    second = keys.mint(CAUSE)
    assert second != first
    assert keys.mint(CAUSE) == second
    assert house.open().keys.mint(CAUSE) == second
    assert house.ask_keys("SELECT id, wrapped IS NULL FROM keystore.subject ORDER BY id") == [
        (first, True),
        (second, False),
    ]


def test_a_key_store_from_before_there_were_causes_learns_them(house: House) -> None:
    keys = house.open().keys
    held = keys.seal(subject := keys.mint(), b"here before", b"")
    house.ask_keys("DROP FUNCTION keystore.mint_for; ALTER TABLE keystore.subject DROP COLUMN cause CASCADE")
    for _ in range(2):
        migrate_one(house.keys_conninfo, KEYS)
    assert keys.mint(CAUSE) == house.open().keys.mint(CAUSE)
    assert house.open().keys.unseal(subject, held, b"") == b"here before"
