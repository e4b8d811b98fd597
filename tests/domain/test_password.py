"""Passwords: the form's own rule, against one written apart from it, and what attackers try first."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.faults import Fault, FaultCode
from domain.taxpayer.password import NewPassword, is_common, password_faults, refuse_unless_changed
from domain.taxpayer.refusals import PasswordUnchanged

CODES = {FaultCode.TOO_SHORT, FaultCode.DIGIT_MISSING, FaultCode.CAPITAL_MISSING, FaultCode.SMALL_LETTER_MISSING}


def faults(password: str, username: str = "") -> set[FaultCode]:
    return {fault.code for fault in password_faults(NewPassword(password, password), username)}


@given(st.text("aZ7ქ-", min_size=1, max_size=12))
def test_the_forms_rule(password: str) -> None:
    """More than six; a digit, a capital, a small letter. A Georgian letter is neither capital nor small."""
    expected = set()
    if len(password) <= 6:
        expected.add(FaultCode.TOO_SHORT)
    if "7" not in password:
        expected.add(FaultCode.DIGIT_MISSING)
    if "Z" not in password:
        expected.add(FaultCode.CAPITAL_MISSING)
    if "a" not in password:
        expected.add(FaultCode.SMALL_LETTER_MISSING)
    assert faults(password) & CODES == expected


@pytest.mark.parametrize("common", ["Password1", "PASSWORD1", "Qwerty123", "Abcd1234"])
def test_what_attackers_try_first(common: str) -> None:
    assert is_common(common)
    assert FaultCode.TOO_COMMON in faults(common)


def test_the_username_is_no_password() -> None:
    assert FaultCode.TOO_COMMON in faults("GiorgI-10", "giorgi_lo")
    assert not faults("Vashli7-mtsvane", "giorgi_lo")


def test_repeated_as_typed() -> None:
    told = list(password_faults(NewPassword("Vashli7-mtsvane", "vashli7-mtsvane"), ""))
    assert told == [Fault("repeatedPassword", FaultCode.NOT_REPEATED)]


@given(st.text(min_size=1, max_size=200))
def test_whatever_is_typed_is_never_shown(password: str) -> None:
    typed = NewPassword(password, password)
    assert repr(typed) == "NewPassword()"
    assert typed.text == unicodedata.normalize("NFKC", password)
    list(password_faults(typed, ""))


@pytest.mark.parametrize("bad", ["", "Aa1" * 43, "Vashli7\x00abc", "Vashli7\ud800ab"])
def test_what_no_keyboard_gives(bad: str) -> None:
    assert faults(bad) & {FaultCode.MISSING, FaultCode.TOO_LONG, FaultCode.FORBIDDEN_CHARACTERS}


@pytest.mark.parametrize("same", ["Vashli7-mtsvane", "Vashli\uff17-mtsvane"])
def test_a_password_is_not_changed_to_the_one_in_force(same: str) -> None:
    """However the same keys were typed; another that differs in one letter is a change."""
    for shown, typed in [("Vashli7-mtsvane", same), (same, "Vashli7-mtsvane")]:
        with pytest.raises(PasswordUnchanged):
            refuse_unless_changed(NewPassword(typed, typed), shown=shown)
    refuse_unless_changed(NewPassword("Vashli7-mtsvanE", "Vashli7-mtsvanE"), shown=same)
