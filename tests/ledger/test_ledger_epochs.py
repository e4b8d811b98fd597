"""Turning the epoch: the living stay and the erased are gone, whoever is killed, mints or erases meanwhile."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
import softhsm
from ledger_house import House
from ledger_samples import SENDER, somebody, write

from domain.people import SubjectId
from ledger import epochs
from ledger.epochs import EPOCH_DAYS, GRACE_DAYS, turn_epoch, turn_epoch_when_due
from ledger.keys import KeysMissing, KeyStore, SubjectErased
from ledger.kms import EPOCH, KeyFolder, Kms, open_kms
from sarkmeli.roles import DbRole

HERE = Path(__file__).parent


def test_turning_the_epoch_keeps_the_living_and_ends_the_erased_in_every_backup(house: House) -> None:
    ledger, office = house.open(), house.office()
    living, erased = ledger.keys.mint(), ledger.keys.mint()
    write(office, office.act(somebody(), "write"), living)
    backup = house.ask_keys("SELECT key_id, wrapped FROM keystore.subject WHERE id = %s", erased)
    house.erase(erased, ledger.keys)
    assert turn_epoch(house.keys_as(DbRole.ERASER), KeyFolder(house.folder)) == 2
    assert {path.name for path in house.folder.glob("epoch-*")} == {"epoch-2.key"}
    assert house.ask_keys("SELECT epoch, count(wrapped) FROM keystore.subject GROUP BY epoch ORDER BY epoch") == [
        (1, 0),
        (2, 1),
    ]
    for keys in (ledger.keys, house.open().keys):
        keys._by_id.clear()
        assert keys.subject_key(living, fresh=True).key_id
        assert keys.subject_key(keys.mint()).key
    assert ledger.reader.open(ledger.reader.read(0, 1)[0]).sender == SENDER
    house.ask_keys("UPDATE keystore.subject SET wrapped = %s, erased_at = NULL WHERE id = %s", backup[0][1], erased)
    with pytest.raises(KeysMissing):
        ledger.keys.subject_key(erased, fresh=True)


def shift(house: House, column: str, days: int) -> None:
    """As if so many days had gone by."""
    house.ask_keys(f"UPDATE keystore.epoch SET {column} = {column} - make_interval(days => {days})")


def states(house: House, kms: Kms) -> dict[int, epochs.EpochState]:
    with psycopg.connect(house.keys_conninfo, autocommit=True) as connection:
        return {state.number: state for state in epochs.epochs(connection, kms)}


def test_an_epoch_is_turned_when_due_and_its_key_first_disabled_then_destroyed(house: House) -> None:
    keys, folder = house.open().keys, KeyFolder(house.folder)
    subject = keys.mint()
    assert turn_epoch_when_due(house.keys_as(DbRole.ERASER), folder) is None
    shift(house, "opened_at", EPOCH_DAYS)
    with ThreadPoolExecutor(3) as callers:
        turned = list(callers.map(lambda _: turn_epoch_when_due(house.keys_as(DbRole.ERASER), folder), range(3)))
    assert sorted(map(str, turned)) == ["2", "None", "None"], "one turns, the others find it done"
    first = states(house, folder)[1]
    assert first.disabled_at
    assert not first.destroyed_at
    with pytest.raises(KeysMissing, match="disabled"):
        folder.fingerprint(EPOCH, 1)
    shift(house, "disabled_at", GRACE_DAYS - 1)
    assert turn_epoch_when_due(house.keys_as(DbRole.ERASER), folder) is None
    shift(house, "disabled_at", 1)
    assert turn_epoch_when_due(house.keys_as(DbRole.ERASER), folder) == 2
    assert folder.versions(EPOCH) == (2,)
    (house.folder / "epoch-1.key").write_bytes(bytes(32))
    assert states(house, folder)[1].fault == "its key is still there: turn again"
    assert turn_epoch_when_due(house.keys_as(DbRole.ERASER), folder) is None
    assert folder.versions(EPOCH) == (2,), "also one that a stop left"
    assert [state.fault for state in states(house, folder).values()] == [None, None]
    assert house.open().keys.subject_key(subject).key == keys.subject_key(subject, fresh=True).key


def test_no_key_is_destroyed_while_anything_is_wrapped_under_it(house: House) -> None:
    """Not even where somebody put an old row back behind the turn's back."""
    keys, folder = house.open().keys, KeyFolder(house.folder)
    subject = keys.mint()
    old = house.ask_keys("SELECT wrapped FROM keystore.subject")[0][0]
    shift(house, "opened_at", EPOCH_DAYS)
    turn_epoch_when_due(house.keys_as(DbRole.ERASER), folder)
    house.ask_keys("UPDATE keystore.subject SET wrapped = %s, epoch = 1", old)
    shift(house, "disabled_at", GRACE_DAYS)
    with pytest.raises(KeysMissing, match="disabled"):
        turn_epoch_when_due(house.keys_as(DbRole.ERASER), folder)
    assert folder.versions(EPOCH) == (1, 2)
    assert states(house, folder)[1].fault == "disabled, and keys are wrapped under it"
    folder.enable(EPOCH, 1)
    assert turn_epoch_when_due(house.keys_as(DbRole.ERASER), folder) == 2
    assert keys.subject_key(subject, fresh=True)
    assert folder.versions(EPOCH) == (2,)


def test_a_turn_killed_at_each_of_its_steps_is_finished_by_the_next(house: House) -> None:
    keys = house.open().keys
    subjects = [keys.mint() for _ in range(4)]
    house.erase(subjects[0], keys)
    done = subprocess.run(
        [sys.executable, HERE / "turning_killed.py", house.keys_as(DbRole.ERASER), house.folder],
        capture_output=True, text=True, timeout=240, cwd=HERE.parents[1],
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 20, "it died at every step of a turn"
    assert KeyFolder(house.folder).versions(EPOCH)[-1] == house.ask_keys("SELECT max(number) FROM keystore.epoch")[0][0]


# -- at once --------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["folder", "token"])
def holder(request: pytest.FixtureRequest, house: House) -> Path | str:
    return house.folder if request.param == "folder" else softhsm.new_token(f"race {os.urandom(4).hex()}").uri


AT_ONCE = """
import os, sys
from pathlib import Path
from ledger.epochs import turn_epoch
from ledger.keys import KeyStore
from ledger.kms import open_kms
what, conninfo, holder = sys.argv[1:]
kms = open_kms(holder)
if what == "turn":
    while True:
        print(turn_epoch(conninfo, kms), flush=True)
keys = KeyStore(conninfo, kms)
while True:
    subject = keys.mint()
    print(subject, keys.seal(subject, subject.bytes, b"").hex(), flush=True)
"""


def test_minting_turning_and_erasing_at_once_lose_nobody_and_bring_nobody_back(
    house: House, holder: Path | str
) -> None:
    """Processes mint and turn, all the time, and are killed at last; threads here mint, erase and read."""
    turns = 6
    keys = KeyStore(house.keys_conninfo, open_kms(holder))
    command = [sys.executable, "-c", AT_ONCE]
    others = [
        subprocess.Popen([*command, what, house.keys_conninfo, str(holder)], stdout=subprocess.PIPE, text=True)
        for what in ("turn", "turn", "mint")
    ]
    known: dict[SubjectId, bytes] = {}
    erased: set[SubjectId] = set()
    ended = threading.Event()
    try:
        for other in others:
            assert other.stdout
            other.stdout.readline()

        def mint(_: int) -> None:
            while not ended.is_set():
                subject = keys.mint()
                known[subject] = keys.subject_key(subject, fresh=True).key

        def erase(_: int) -> None:
            while not ended.is_set():
                subject = random.choice([*known] or [keys.mint()])
                erased.add(subject)
                keys.erase(subject)

        def read(_: int) -> None:
            while not ended.is_set():
                subject = random.choice([*known] or [keys.mint()])
                try:
                    found = keys.subject_key(subject, fresh=True)
                    assert found.key == known.get(subject, found.key)
                except SubjectErased:
                    assert subject in erased

        with ThreadPoolExecutor(4) as threads:
            working = [threads.submit(work, 0) for work in (mint, mint, erase, read)]
            turned = 0
            while (turned < turns or len(erased) < 4) and not any(work.done() for work in working):
                assert others[0].stdout
                assert int(others[0].stdout.readline())
                turned += 1
            ended.set()
            for work in working:
                work.result()
    finally:
        ended.set()
        said = []
        for other in others:
            other.kill()
            said.append(other.communicate()[0])
    minted = [line.split() for line in said[2].splitlines() if line.count(" ") == 1 and line.endswith(line.strip())]
    destroyed = {number for (number,) in house.ask_keys(
        "SELECT number FROM keystore.epoch WHERE destroyed_at IS NOT NULL")}  # fmt: skip
    assert len(destroyed) >= turns
    under = {epoch for (epoch,) in house.ask_keys("SELECT epoch FROM keystore.subject WHERE wrapped IS NOT NULL")}
    assert not under & destroyed, "nobody is left under a destroyed epoch"
    turn_epoch(house.keys_conninfo, open_kms(holder))
    after = KeyStore(house.keys_conninfo, open_kms(holder))
    for subject, key in known.items():
        if subject in erased:
            with pytest.raises(SubjectErased):
                after.subject_key(subject)
        else:
            assert after.subject_key(subject).key == key
    assert len(erased) > 3
    assert minted
    for subject, sealed in minted[:-1]:  # the last line may be torn
        assert after.unseal(SubjectId(UUID(subject)), bytes.fromhex(sealed), b"") == UUID(subject).bytes
    after.close()
    keys.close()


def test_who_minted_before_a_turn_mints_under_the_new_epoch_after_it(house: House) -> None:
    keys = house.open().keys
    before = keys.mint()
    for disabled_only in (True, False):  # a key that can be used no more, and one that is gone
        epoch = turn_epoch(house.keys_conninfo, KeyFolder(house.folder), grace_days=7 if disabled_only else 0)
        after = keys.mint()
        assert house.ask_keys("SELECT epoch FROM keystore.subject WHERE id = %s", after) == [(epoch,)]
        assert keys.subject_key(after, fresh=True).subject == after
    with psycopg.connect(house.keys_conninfo, autocommit=True) as connection:
        epoch = epochs._begin(connection, KeyFolder(house.folder))  # a turn under way: the old key still wraps
    under_way = keys.mint()
    assert house.ask_keys("SELECT epoch FROM keystore.subject WHERE id = %s", under_way) == [(epoch,)]
    assert keys.subject_key(before, fresh=True).subject == before


def test_without_an_open_epoch_nobody_is_minted(house: House) -> None:
    keys = house.open().keys
    house.ask_keys("UPDATE keystore.epoch SET closed_at = now()")
    with pytest.raises(KeysMissing):
        keys.mint()
    assert house.ask_keys("SELECT count(*) FROM keystore.subject") == [(0,)]
