"""Number, code and cash reference: what they can be, and how forgivingly they are read."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.number import (
    CROCKFORD,
    code_from,
    damm,
    group_code,
    group_number,
    new_cash_reference,
    new_number,
    read_code,
    read_number,
    same_code,
)

numbers = st.integers(0, 10**9 - 1).map(lambda n: new_number(lambda _: n))
codes = st.binary(min_size=32, max_size=32).map(code_from)


def test_the_check_digit_is_damms() -> None:
    assert damm("572") == "4"  # the example of Damm's thesis
    assert new_number(lambda below: below - 1)[:9] == "999999999"
    assert new_number(lambda _: 0) == "0000000000"


@given(numbers, st.integers(0, 9), st.integers(0, 9))
def test_one_wrong_digit_is_always_seen(number: str, place: int, digit: int) -> None:
    wrong = number[:place] + str(digit) + number[place + 1 :]
    assert (read_number(wrong) is not None) == (wrong == number)


@given(numbers, st.integers(0, 8))
def test_swapped_neighbours_are_always_seen(number: str, place: int) -> None:
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert (read_number(swapped) is not None) == (swapped == number)


@given(numbers)
def test_a_number_is_read_however_it_is_typed(number: str) -> None:
    typed = group_number(number)
    assert typed.count(" ") == 2
    for way in (typed, typed.replace(" ", "-"), f"  {typed} ", typed.replace("0", "o").replace("1", "l"), number):
        assert read_number(way) == number


@pytest.mark.parametrize(
    "typed", ["", "123", "0" * 11, "00000 0000x", "٠" * 10, "0" * 10_000, "\ud800" * 10, "²000000000", "000000000\n0"]
)
def test_what_no_case_can_have_is_no_number(typed: str) -> None:
    assert read_number(typed) is None


@given(codes)
def test_a_code_is_read_however_it_is_typed(code: str) -> None:
    typed = group_code(code)
    assert [len(group) for group in typed.split("-")] == [4, 4, 4, 4]
    assert set(code) <= set(CROCKFORD)
    for way in (typed, typed.lower(), typed.replace("-", " "), code.replace("0", "O").replace("1", "i")):
        assert read_code(way) == code
        assert same_code(code, way)


@given(codes, st.integers(0, 15), st.sampled_from(CROCKFORD))
def test_another_code_is_not_the_same(code: str, place: int, character: str) -> None:
    other = code[:place] + character + code[place + 1 :]
    assert same_code(code, other) == (code == other)


def test_a_code_spells_the_first_80_bits() -> None:
    mac = hashlib.sha256(b"case").digest()
    value = 0
    for character in code_from(mac):
        value = value * 32 + CROCKFORD.index(character)
    assert value == int.from_bytes(mac[:10], "big")
    with pytest.raises(ValueError):
        code_from(mac[:9])


@pytest.mark.parametrize("typed", ["", "U" * 16, "A" * 15, "A" * 17, "A" * 100_000, "\udfff" * 16, "Ａ" * 16])
def test_what_no_case_can_have_is_no_code(typed: str) -> None:
    assert read_code(typed) is None
    assert not same_code("A" * 16, typed)


@given(st.integers(0, 10**12 - 1))
def test_a_cash_reference_checks_as_iso_11649_says(drawn: int) -> None:
    reference = new_cash_reference(lambda _: drawn)
    moved = reference[4:] + reference[:4]
    assert int("".join(str(int(character, 36)) for character in moved)) % 97 == 1
    assert len(reference) == 16
