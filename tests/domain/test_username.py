"""Usernames: how they may be written, what reads alike, and who holds one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from memory_office import MemoryOffice, MemorySubjects

from domain.faults import FaultCode
from domain.people import system
from domain.taxpayer.folding import folded
from domain.taxpayer.username import (
    FORBIDDEN,
    ReleaseReason,
    Username,
    UsernameTaken,
    tidy_username,
    username_faults,
)

LATIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
GEORGIAN = "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ"
MARKS = "-_@+=~!#$%&()"
ALLOWED = st.one_of(
    st.text(LATIN + "0123456789" + MARKS, min_size=7, max_size=64),
    st.text(GEORGIAN + "0123456789" + MARKS, min_size=7, max_size=64),
)


@given(ALLOWED)
def test_what_is_allowed_has_no_fault_and_stays_as_it_was_typed(name: str) -> None:
    assert tidy_username(name) == name
    assert not list(username_faults(name))


@given(st.text(max_size=80))
def test_whatever_is_typed_is_faulted_or_fit_to_be_shown(typed: str) -> None:
    name = tidy_username(typed)
    if list(username_faults(name)):
        return
    assert 7 <= len(name) <= 64
    assert not set(name) & FORBIDDEN
    assert name.isprintable()
    assert name == unicodedata.normalize("NFC", name)
    scripts = {unicodedata.name(letter).split()[0] for letter in name if letter.isalpha()}
    assert scripts in (set(), {"LATIN"}, {"GEORGIAN"})


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("", [FaultCode.MISSING]),
        ("giorgi", [FaultCode.TOO_SHORT]),
        ("g" * 65, [FaultCode.TOO_LONG]),
        ("giorgi;drop", [FaultCode.FORBIDDEN_CHARACTERS]),
        ("gıorgi-1", [FaultCode.FORBIDDEN_CHARACTERS]),
        ("gіorgi-1", [FaultCode.FORBIDDEN_CHARACTERS]),  # a Cyrillic letter
        ("giorgi beridze", [FaultCode.FORBIDDEN_CHARACTERS]),
        ("giorgi\u200bb", [FaultCode.FORBIDDEN_CHARACTERS]),
        ("giorgiბერიძე", [FaultCode.SCRIPTS_MIXED]),
        ("Ⴂიორგი-1", [FaultCode.FORBIDDEN_CHARACTERS]),  # Asomtavruli
    ],
)
def test_what_is_not_allowed(name: str, faults: list[FaultCode]) -> None:
    assert [fault.code for fault in username_faults(tidy_username(name))] == faults


def test_shouting_is_writing() -> None:
    assert tidy_username("ᲒᲘᲝᲠᲒᲘ-1") == "გიორგი-1"


@given(ALLOWED)
def test_folding_twice_changes_nothing_and_case_does_not_matter(name: str) -> None:
    assert folded(folded(name)) == folded(name)
    assert folded(name.upper()) == folded(name) == folded(name.lower())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Illinois", "lllinois"),
        ("giorgi10", "glorgiIO"),
        ("giorgi_b", "giorgi-b"),
        ("modernism", "modemism"),
        ("vvarsaw", "warsaw"),
        ("clever-1", "dever-l"),
    ],
)
def test_what_reads_alike_is_the_same(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("giorgi-1", "giorgi-2"), ("გიორგი-ა", "გიორგი-ბ"), ("nana-na", "mama-ma")])
def test_what_reads_otherwise_is_another(one: str, other: str) -> None:
    assert folded(one) != folded(other)


class Holders(RuleBasedStateMachine):
    """One name, several registrations, against a variable that says who holds it."""

    def __init__(self) -> None:
        super().__init__()
        self.office, self.subjects = MemoryOffice(), MemorySubjects()
        self.registrations = [self.subjects.mint() for _ in range(3)]
        self.username: Username | None = None
        self.holder: int | None = None

    @rule(who=st.integers(0, 2))
    def reserve(self, who: int) -> None:
        act, subject = self.office.by(system("test")), self.subjects.mint()
        if self.username is None:
            self.username = Username.reserve(act, "somebody", registration=self.registrations[who], subject=subject)
        elif self.holder is not None:
            with pytest.raises(UsernameTaken):
                self.username.reserve_again(act, "somebody", registration=self.registrations[who], subject=subject)
            return
        else:
            self.username.reserve_again(act, "somebody", registration=self.registrations[who], subject=subject)
            assert self.username.subject == subject, "sealed under whoever holds it now"
        self.holder = who

    @rule(who=st.integers(0, 2))
    def release(self, who: int) -> None:
        if self.username is None:
            return
        self.username.release(
            self.office.by(system("test")), registration=self.registrations[who], reason=ReleaseReason.EXPIRED
        )
        if self.holder == who:
            self.holder = None

    @invariant()
    def agrees(self) -> None:
        if self.username is not None:
            assert self.username.held_by == (None if self.holder is None else self.registrations[self.holder])


TestHolders = Holders.TestCase
