"""Password hashes: one verification whatever is asked, nothing counts that history does not say, nothing in clear."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import Any
from uuid import UUID, uuid4

import argon2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statements import sent

from domain.taxpayer.accounts import Counts
from housekeeping.passwords import Cost, Passwords

CHEAP = Cost(memory=64, passes=1, lanes=1)
PASSWORD = "Vashli7-mtsvane"


@pytest.fixture
def passwords(pool: Any, keys: Any) -> Passwords:
    return Passwords(pool, keys, CHEAP)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, int]]:
    """How many statements and how many verifications and hashes since last asked."""
    statements = sent(monkeypatch)
    seen = {"verified": 0, "hashed": 0}

    def count(name: str, method: str) -> None:
        before = getattr(argon2.PasswordHasher, method)

        def noted(*arguments: Any, **options: Any) -> Any:
            seen[name] += 1
            return before(*arguments, **options)

        monkeypatch.setattr(argon2.PasswordHasher, method, noted)

    count("verified", "verify")
    count("hashed", "hash")

    def taken() -> dict[str, int]:
        found = {"statements": len(statements), **seen}
        statements.clear()
        seen.update(dict.fromkeys(seen, 0))
        return found

    return taken


def rows(db: Any) -> set[tuple[UUID, UUID]]:
    return set(db.execute("SELECT registration, command FROM housekeeping.password").fetchall())


def hours_pass(db: Any, hours: int) -> None:
    db.execute(
        "UPDATE housekeeping.password SET kept_at = kept_at - make_interval(hours => %(h)s),"
        " look_at = look_at - make_interval(hours => %(h)s)",
        {"h": hours},
    )


def test_only_the_password_of_its_command_is_right(passwords: Passwords) -> None:
    registration, first, second = uuid4(), uuid4(), uuid4()
    passwords.keep(registration, first, PASSWORD)
    passwords.keep(registration, second, "Msxali8-tkbili")
    assert passwords.verify(registration, first, PASSWORD, "giorgi")
    assert not passwords.verify(registration, first, "Msxali8-tkbili", "giorgi")
    assert passwords.verify(registration, second, "Msxali8-tkbili", "giorgi")
    assert not passwords.verify(uuid4(), first, PASSWORD, "giorgi")
    assert not passwords.verify(registration, None, PASSWORD, "giorgi")
    assert not passwords.verify(None, None, PASSWORD, "giorgi")


@given(st.text(max_size=200))
def test_whatever_was_typed_is_a_password_and_no_other(typed: str) -> None:
    kept: list[Any] = []

    class Row:
        """A table of one row."""

        def connection(self) -> Row:
            return self

        def __enter__(self) -> Row:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def execute(self, query: str, given: Any) -> Row:
            if "INSERT" in query:
                kept[:] = [(*given, True)]
            return self

        def fetchone(self) -> Any:
            return kept[0]

    class Open:
        def mac(self, *_: object) -> bytes:
            return bytes(34)

        def seal_for_office(self, _: str, value: bytes) -> bytes:
            return value

        open_for_office = seal_for_office

    passwords: Any = Passwords(Row(), Open(), CHEAP)  # type: ignore[arg-type]
    registration, command = uuid4(), uuid4()
    passwords.keep(registration, command, typed)
    assert passwords.verify(registration, command, typed, "")
    assert not passwords.verify(registration, command, typed + "x", "")


def test_one_statement_and_one_verification_whatever_is_asked(
    passwords: Passwords, counted: Callable[[], dict[str, int]]
) -> None:
    registration, command = uuid4(), uuid4()
    told: dict[str, dict[str, int]] = {}
    passwords.verify(None, None, PASSWORD, "giorgi")
    told["nothing kept at all"] = counted()
    passwords.keep(registration, command, PASSWORD)
    counted()
    for name, asked in {
        "wrong": (registration, command, "x"),
        "nobody": (None, None, PASSWORD),
        "another command": (registration, uuid4(), PASSWORD),
        "right": (registration, command, PASSWORD),
        "empty": (registration, command, ""),
        "unpaired": (registration, command, "\ud800"),
    }.items():
        passwords.verify(*asked, "giorgi")
        told[name] = counted()
    assert told == {key: {"statements": 1, "verified": 1, "hashed": 0} for key in told}


def test_a_decoy_costs_what_hashes_here_cost_and_stays_the_same(
    pool: Any, keys: Any, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a change of the cost, half of the accounts have the old one: so have half of the names that are none."""
    old, new = Passwords(pool, keys, CHEAP), Passwords(pool, keys, Cost(memory=128, passes=1, lanes=1))
    for _ in range(50):
        old.keep(uuid4(), uuid4(), PASSWORD)
        new.keep(uuid4(), uuid4(), PASSWORD)
    asked: list[str] = []
    monkeypatch.setattr(argon2.PasswordHasher, "verify", lambda _, kept, __: asked.append(kept) or True)
    names = [f"name-{number}" for number in range(200)]
    for name in (*names, *names):
        assert not new.verify(None, None, PASSWORD, name)
    first, again = asked[:200], asked[200:]
    assert first == again
    assert 40 < sum("m=64," in kept for kept in first) < 160


def test_a_right_password_is_hashed_anew_once_the_cost_has_changed(
    pool: Any, keys: Any, passwords: Passwords, counted: Callable[[], dict[str, int]]
) -> None:
    registration, command = uuid4(), uuid4()
    passwords.keep(registration, command, PASSWORD)
    dearer = Passwords(pool, keys, Cost(memory=128, passes=1, lanes=1))
    counted()
    assert not dearer.verify(registration, command, "wrong", "giorgi")
    assert counted()["hashed"] == 0
    assert dearer.verify(registration, command, PASSWORD, "giorgi")
    assert counted()["hashed"] == 1
    assert dearer.verify(registration, command, PASSWORD, "giorgi")
    assert counted()["hashed"] == 0


def test_a_hash_opens_in_its_own_row_only(passwords: Passwords, db: Any) -> None:
    mine, victims = (uuid4(), uuid4()), (uuid4(), uuid4())
    passwords.keep(*mine, PASSWORD)
    passwords.keep(*victims, "Msxali8-tkbili")
    db.execute(
        "UPDATE housekeeping.password SET sealed = (SELECT sealed FROM housekeeping.password WHERE command = %s)"
        " WHERE command = %s",
        (mine[1], victims[1]),
    )
    assert not passwords.verify(*victims, PASSWORD, "victim")


def test_neither_password_nor_hash_stands_in_clear(passwords: Passwords, in_clear: Callable[[str], list[str]]) -> None:
    passwords.keep(uuid4(), uuid4(), PASSWORD)
    assert in_clear(PASSWORD) == in_clear("argon2id") == []


def test_no_more_hashes_at_once_than_memory_was_given_for(
    pool: Any, keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = Passwords(pool, keys, CHEAP, at_once=2)
    lock, within, most = Lock(), 0, 0
    full = Barrier(2)

    def hash(*_: Any) -> str:
        nonlocal within, most
        with lock:
            within += 1
            most = max(most, within)
        full.wait(20)  # so that two are within, or this fails
        with lock:
            within -= 1
        return "hash"

    monkeypatch.setattr(argon2.PasswordHasher, "hash", hash)
    with ThreadPoolExecutor(6) as crowd:
        list(crowd.map(lambda _: passwords.keep(uuid4(), uuid4(), PASSWORD), range(6)))
    assert most == 2


class Ledger:
    """What history says."""

    def __init__(self) -> None:
        self.said: dict[UUID, tuple[UUID, Counts]] = {}

    def counts(self, registration: UUID, command: UUID) -> Counts:
        current, verdict = self.said.get(registration, (None, Counts.NOT))
        return verdict if current == command else Counts.NOT


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_a_hash_whose_event_never_came_goes_and_the_one_before_stays(
    passwords: Passwords, ledger: Ledger, db: Any
) -> None:
    registration, first, second, nobody = uuid4(), uuid4(), uuid4(), uuid4()
    passwords.keep(registration, first, PASSWORD)
    ledger.said[registration] = (first, Counts.FOR_NOW)
    hours_pass(db, 1)
    assert passwords.sweep(ledger.counts) == 0
    passwords.keep(registration, second, "Msxali8-tkbili")
    passwords.keep(nobody, second, PASSWORD)
    hours_pass(db, 1)
    assert passwords.sweep(ledger.counts) == 0, "its command may still be under way"
    hours_pass(db, 25)
    assert passwords.sweep(ledger.counts) == 2
    assert rows(db) == {(registration, first)}


def test_a_replaced_hash_goes_and_a_newer_one_waits_for_its_event(
    passwords: Passwords, ledger: Ledger, db: Any
) -> None:
    registration, first, second, third = uuid4(), uuid4(), uuid4(), uuid4()
    for command in (first, second, third):
        passwords.keep(registration, command, PASSWORD)
    ledger.said[registration] = (second, Counts.FOR_GOOD)
    hours_pass(db, 1)
    assert passwords.sweep(ledger.counts) == 1
    assert rows(db) == {(registration, second), (registration, third)}
    hours_pass(db, 48)
    ledger.said[registration] = (third, Counts.FOR_GOOD)
    assert passwords.sweep(ledger.counts) == 1
    assert rows(db) == {(registration, third)}


def test_what_counts_for_good_is_asked_for_no_more_and_what_ended_goes(
    passwords: Passwords, ledger: Ledger, db: Any
) -> None:
    active, expired = (uuid4(), uuid4()), (uuid4(), uuid4())
    for one in (active, expired):
        passwords.keep(*one, PASSWORD)
    ledger.said = {active[0]: (active[1], Counts.FOR_GOOD), expired[0]: (expired[1], Counts.FOR_NOW)}
    hours_pass(db, 1)
    passwords.sweep(ledger.counts)
    ledger.said.clear()
    hours_pass(db, 48)
    assert passwords.sweep(ledger.counts) == 1
    assert rows(db) == {active}


def test_a_command_keeps_one_hash(passwords: Passwords) -> None:
    registration, command = uuid4(), uuid4()
    passwords.keep(registration, command, PASSWORD)
    passwords.keep(registration, command, "Msxali8-tkbili")
    assert passwords.verify(registration, command, PASSWORD, "giorgi")
    assert not passwords.verify(registration, command, "Msxali8-tkbili", "giorgi")


def test_a_command_repeated_while_its_hash_is_swept_keeps_it(passwords: Passwords, ledger: Ledger, db: Any) -> None:
    registration, command = uuid4(), uuid4()
    passwords.keep(registration, command, PASSWORD)
    hours_pass(db, 25)

    def counts(*asked: UUID) -> Counts:
        passwords.keep(registration, command, PASSWORD)  # the very moment between looking and removing
        return ledger.counts(*asked)

    assert passwords.sweep(counts) == 0
    assert passwords.verify(registration, command, PASSWORD, "giorgi")


def test_forgotten_with_the_registration(passwords: Passwords, db: Any) -> None:
    registration = uuid4()
    passwords.keep(registration, uuid4(), PASSWORD)
    passwords.keep(registration, uuid4(), PASSWORD)
    passwords.forget(registration)
    assert rows(db) == set()


@pytest.mark.parametrize("text", ["", "m=64", "m=7,t=1,p=1", "m=64,t=0,p=1", "m=64,t=1,p=0", "m=64,t=1,p=1,x", "t=1"])
def test_a_cost_that_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        Cost.read(text)


@pytest.mark.parametrize(
    ("text", "enough"),
    [
        ("m=65536,t=3,p=4", True),
        ("m=47104,t=1,p=1", True),
        ("m=19456,t=2,p=1", True),
        ("m=12288,t=3,p=1", True),
        ("m=9216,t=4,p=1", True),
        ("m=7168,t=5,p=1", True),
        ("m=19456,t=1,p=1", False),
        ("m=4096,t=20,p=1", False),
    ],
)
def test_a_cost_for_a_public_service(text: str, enough: bool) -> None:
    assert Cost.read(text).is_enough is enough


def test_one_of_which_nobody_can_tell_keeps_no_other_from_being_looked_at(
    passwords: Passwords, ledger: Ledger, db: Any
) -> None:
    unreadable, gone = (uuid4(), uuid4()), (uuid4(), uuid4())
    passwords.keep(*unreadable, PASSWORD)
    hours_pass(db, 1)
    passwords.keep(*gone, PASSWORD)
    hours_pass(db, 25)

    def counts(registration: UUID, command: UUID) -> Counts:
        if registration == unreadable[0]:
            raise LookupError("an event that cannot be read")
        return ledger.counts(registration, command)

    with pytest.raises(LookupError):
        passwords.sweep(counts)
    db.execute("UPDATE housekeeping.password SET look_at = now() - interval '1 hour' WHERE registration = %s", gone[:1])
    assert passwords.sweep(counts) == 1
    assert rows(db) == {unreadable}


@given(
    st.lists(
        st.one_of(
            st.just(("keep",)),
            st.tuples(st.just("event"), st.integers(0, 5)),
            st.tuples(st.just("pass"), st.integers(1, 30)),
        ),
        max_size=14,
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_dies_between_hash_and_event_the_password_in_force_opens(
    passwords: Passwords, db: Any, story: list[Any]
) -> None:
    """Hashes are kept, events follow some of them in whatever order, hours pass, sweeps run in between.

    Invariant: the password whose event came last is the one that opens, and what never counted is gone after two days.
    """
    db.execute("TRUNCATE housekeeping.password")  # what an example that failed has left
    registration, first, ledger = uuid4(), uuid4(), Ledger()
    passwords.keep(registration, first, str(first))
    kept: dict[UUID, int] = {first: 0}
    now, in_force = 0, first
    for step in (("event", 0), *story, ("pass", 25), ("pass", 25)):
        if step[0] == "keep":
            kept[command := uuid4()] = now
            passwords.keep(registration, command, str(command))
        elif step[0] == "event":  # a command under way is done within the day, or comes again and keeps once more
            order = list(kept)
            open_still = [command for command, at in kept.items() if now - at < 24 and at >= kept[in_force]]
            following = open_still[step[1] % len(open_still)] if open_still else in_force
            if order.index(following) < order.index(in_force):  # another's event came first: it decides and keeps anew
                passwords.keep(registration, following, str(following))
                del kept[following]
                kept[following] = now
            in_force = following
            ledger.said[registration] = (in_force, Counts.FOR_GOOD)
        else:
            now += step[1]
            hours_pass(db, step[1])
            passwords.sweep(ledger.counts)
        assert passwords.verify(registration, in_force, str(in_force), "giorgi")
    assert rows(db) == {(registration, in_force)}
