"""Keys: minted before use, wrapped by what no database holds, missing loudly, forgotten within seconds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
from ledger_house import House
from ledger_samples import somebody, write

from domain.office import Office
from domain.people import SubjectId
from ledger import Factory
from ledger.aead import bind
from ledger.keys import KeysMissing, KeyStore, SubjectErased, Tampered, UnknownKey
from ledger.kms import KeyFolder
from ledger.memory import CAPACITY, MEMORY, ShortMemory
from ledger.opening import open_ledger
from ledger.schema import make_key_store
from sarkmeli.roles import DbRole


def test_a_new_key_store_makes_its_keys_and_is_found_again(house: House) -> None:
    first = house.open(DbRole.OWNER).keys
    assert first.is_new
    assert {path.name for path in house.folder.iterdir()} == {"epoch-1.key", "mac-1.key", "code-1.key"}
    assert {path.stat().st_mode & 0o777 for path in house.folder.iterdir()} == {0o600}
    assert house.folder.stat().st_mode & 0o777 == 0o700
    again = house.open().keys
    assert not again.is_new
    assert again.id == first.id
    assert again.mac("purpose", "a") == first.mac("purpose", "a")


def test_many_that_open_a_new_key_store_at_once_agree(house: House) -> None:
    with ThreadPoolExecutor(6) as openers:
        opened = list(openers.map(lambda _: house.open(DbRole.OWNER).keys, range(6)))
    assert len({keys.id for keys in opened}) == 1
    assert len({keys.mac("purpose", "a") for keys in opened}) == 1
    assert [keys.is_new for keys in opened].count(True) == 1


@pytest.mark.parametrize("lost", ["epoch-1.key", "mac-1.key", "code-1.key", "."])
def test_data_without_their_keys_are_not_opened(house: House, lost: str) -> None:
    house.open().keys.mint()
    path = house.folder / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(KeysMissing):
        house.open()
    with pytest.raises(KeysMissing):
        KeyStore(house.keys_conninfo, house.folder)
    assert not path.exists(), "and no new key takes the lost one's place"


def test_other_keys_are_not_taken_for_the_lost_ones(house: House) -> None:
    house.open()
    for path in house.folder.iterdir():
        path.write_bytes(bytes(32))
    with pytest.raises(KeysMissing):
        house.open()
    (house.folder / "mac-1.key").write_bytes(b"short")
    with pytest.raises(KeysMissing):
        house.open()


def test_a_ledger_is_not_opened_with_another_key_store(
    house: House, new_database: Callable[[], str], tmp_path: Path
) -> None:
    """The key store's database was lost and a new one stands in its place: even with the old key folder."""
    house.open()
    other = new_database()
    make_key_store(other)
    for folder in (house.folder, tmp_path / "new keys"):
        with pytest.raises(KeysMissing):
            open_ledger(house.ledger_conninfo, other, folder)


def test_no_key_stands_in_the_database(house: House) -> None:
    keys = house.open().keys
    held = keys.subject_key(keys.mint())
    secrets = [path.read_bytes() for path in house.folder.iterdir()]
    for table in ("identity", "epoch", "secret", "subject"):
        everything = house.ask_keys(f"SELECT t::text FROM keystore.{table} t")
        assert everything
        for secret in (*secrets, held.key, held.salt):
            assert secret.hex() not in str(everything)
    assert held.key.hex() not in repr(held)
    assert str(held.key) not in repr(held)


def test_a_code_is_of_its_subject_service_number_version_and_issue(house: House) -> None:
    keys = house.open().keys
    subject = keys.mint()
    code = keys.code(subject, "compatriot", "1234567890", 1, 1)
    assert len(code) == 16
    assert set(code) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert keys.code(subject, "compatriot", "1234567890", 1, 1, fresh=True) == code
    assert keys.current_code_version() == 1
    others = [
        keys.code(keys.mint(), "compatriot", "1234567890", 1, 1),
        keys.code(subject, "taxpayer", "1234567890", 1, 1),
        keys.code(subject, "compatriot", "1234567891", 1, 1),
        keys.code(subject, "compatriot", "1234567890", 1, 2),
    ]
    assert len({code, *others}) == 5
    for unknown in (
        lambda: keys.code(subject, "compatriot", "1234567890", 2, 1),
        lambda: keys.code(SubjectId(uuid4()), "compatriot", "1234567890", 1, 1),
    ):
        with pytest.raises(LookupError):
            unknown()
    house.erase(subject, keys)
    with pytest.raises(LookupError):
        keys.code(subject, "compatriot", "1234567890", 1, 1)
    with pytest.raises(UnknownKey):
        house.eraser().erase(SubjectId(uuid4()))


@pytest.mark.parametrize("held", ["remembered", "forgotten", "unknown"])
def test_a_fresh_code_asks_the_key_store_once_whoever_it_is(standing_house: House, held: str) -> None:
    keys = standing_house.open().keys
    subject = keys.mint() if held != "unknown" else SubjectId(uuid4())
    if held == "remembered":
        keys.subject_key(subject)
    asked: list[object] = []
    read = keys._read
    keys._read = lambda column, ids: asked.append(ids) or read(column, ids)
    try:
        keys.code(subject, "compatriot", "1", 1, 1, fresh=True)
    except UnknownKey:
        assert held == "unknown"
    assert len(asked) == 1


def test_erasure_here_is_at_once_and_elsewhere_when_memory_ends(house: House) -> None:
    here, there = house.eraser(), house.open().keys
    subject = there.mint()
    wrapped = here.wrap(subject, b"file key", b"file 1")
    assert there.unwrap(subject, wrapped, b"file 1") == b"file key"
    here.erase(subject)
    with pytest.raises(SubjectErased):
        here.unwrap(subject, wrapped, b"file 1")
    now = there._by_id.clock()
    there._by_id.clock = there._by_subject.clock = lambda: now + MEMORY
    with pytest.raises(SubjectErased):
        there.unwrap(subject, wrapped, b"file 1")
    with pytest.raises(SubjectErased):
        there.seal(subject, b"more", b"")


def test_what_is_sealed_opens_for_its_subject_use_and_context_only(house: House) -> None:
    keys = house.open().keys
    subject, other = keys.mint(), keys.mint()
    wrapped, sealed = keys.wrap(subject, b"CANARY", b"here"), keys.seal(subject, b"CANARY", b"here")
    assert keys.unwrap(subject, wrapped, b"here") == keys.unseal(subject, sealed, b"here") == b"CANARY"
    assert b"CANARY" not in wrapped + sealed
    assert keys.seal(subject, b"CANARY", b"here") != sealed
    for attempt in (
        lambda: keys.unwrap(subject, wrapped, b"there"),
        lambda: keys.unwrap(other, wrapped, b"here"),
        lambda: keys.unwrap(subject, sealed, b"here"),
        lambda: keys.unseal(subject, wrapped, b"here"),
        lambda: keys.unseal(subject, sealed[:-1], b"here"),
        lambda: keys.unseal(subject, uuid4().bytes + sealed[16:], b"here"),
        lambda: keys.unseal(subject, b"", b"here"),
    ):
        with pytest.raises(Tampered):
            attempt()


def test_the_offices_own_values_open_for_their_purpose_only(house: House) -> None:
    keys = house.open().keys
    sealed = keys.seal_for_office("session", b"CANARY")
    assert b"CANARY" not in sealed
    assert house.open().keys.open_for_office("session", sealed) == b"CANARY"
    for purpose, tried in (("sign-in", sealed), ("session", b"\x00\x02" + sealed[2:]), ("session", b"")):
        with pytest.raises(Tampered):
            keys.open_for_office(purpose, tried)


def test_a_keyed_hash_is_of_its_purpose_and_of_the_parts_as_they_are_parted(house: House) -> None:
    keys = house.open().keys
    hashes = [keys.mac("a", "bc", "d"), keys.mac("a", "b", "cd"), keys.mac("a", "bcd"), keys.mac("b", "bc", "d")]
    assert len(set(hashes)) == 4
    assert keys.mac("a", "bc", b"d") == hashes[0]
    assert all(one[:2] == b"\x00\x01" and len(one) == 34 for one in hashes)
    assert keys.macs("a", "bc", "d") == (hashes[0],)
    assert bind("a", "") != bind("", "a") != bind("a")


def test_a_newer_secret_makes_new_hashes_and_the_older_still_finds(house: House) -> None:
    before = house.open().keys
    subject = before.mint()
    old, code = before.mac("a", "b"), before.code(subject, "compatriot", "1", 1, 1)
    folder = KeyFolder(house.folder)
    for name in ("mac", "code"):
        folder.create(name, 2)
        house.ask_keys("INSERT INTO keystore.secret VALUES (%s, 2, %s)", name, folder.fingerprint(name, 2))
    office = house.office()
    write(office, act := office.act(somebody(), "write"), subject, ("number", "2"))
    keys = house.open().keys
    assert keys.mac("a", "b")[:2] == b"\x00\x02"
    assert keys.macs("a", "b")[1] == old
    assert keys.current_code_version() == 2
    assert keys.code(subject, "compatriot", "1", 1, 1) == code != keys.code(subject, "compatriot", "1", 2, 1)
    assert office.desk.find_command(act)
    assert house.ask("SELECT key_version FROM ledger.address") == [(2,)]


def test_commands_and_addresses_of_an_older_secret_are_still_found(house: House) -> None:
    office, keys = house.office(), house.open().keys
    receipt = write(office, act := office.act(somebody(), "write"), subject := keys.mint(), ("number", "1"))
    folder = KeyFolder(house.folder)
    folder.create("mac", 2)
    house.ask_keys("INSERT INTO keystore.secret VALUES ('mac', 2, %s)", folder.fingerprint("mac", 2))
    after = house.office()
    assert after.desk.find_command(act) == receipt
    assert after.find("number", "1") == receipt.stream
    with pytest.raises(Exception, match="number is taken"):
        write(after, after.act(somebody(), "write"), subject, ("number", "1"))


def test_memory_is_short_and_small() -> None:
    now = 100.0
    memory: ShortMemory[int, str] = ShortMemory(lambda: now)
    now = 101.0
    memory.keep(1, "one", now)
    assert memory.find(1) == (True, "one")
    now += MEMORY
    assert memory.find(1) == (False, None)
    memory.keep(2, "asked before the clearing", now)
    memory.clear()
    memory.keep(3, "asked before the clearing", now)
    assert memory.find(2) == memory.find(3) == (False, None)
    now += 1
    for number in range(CAPACITY + 1):
        memory.keep(number, "", now)
    assert memory.find(0) == (False, None)
    assert memory.find(CAPACITY) == (True, "")


def test_the_office_asks_the_key_store_of_its_ledger_and_leaves_it_open(house: House) -> None:
    ledger = house.open()
    office = Office(env=ledger.env)
    assert cast(Factory, office.factory).keys is ledger.keys
    office.close()
    somebody_new = ledger.keys.mint()
    ledger.close()
    with closing(Office(env=ledger.env)) as later:
        assert cast(Factory, later.factory).keys is not ledger.keys
        assert cast(Factory, later.factory).keys.subject_key(somebody_new).subject == somebody_new
