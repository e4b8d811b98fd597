"""Persons and companies that are made up from their number alone, so that nobody runs out of taxpayers.

A personal number that begins with 99 is a person's, a legal code that begins with 99 a company's, whose one director
has the personal number 99 and then the code. The same number is always the same person.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date, timedelta
from typing import Final, TypeVar

from sandbox.behaviour import Mode
from sandbox.companies import COMPANIES, Company, Representative
from sandbox.people import PEOPLE, IdentityDocument, Name, Person

T = TypeVar("T")

WOMEN: Final = (
    Name("ნინო", "Nino"), Name("მარიამ", "Mariam"), Name("თამარ", "Tamar"), Name("ანა", "Ana"),
    Name("ეკატერინე", "Ekaterine"), Name("ნათია", "Natia"), Name("სოფიო", "Sopio"), Name("მაია", "Maia"),
)  # fmt: skip
MEN: Final = (
    Name("გიორგი", "Giorgi"), Name("დავით", "Davit"), Name("ლევან", "Levan"), Name("ირაკლი", "Irakli"),
    Name("ზურაბ", "Zurab"), Name("ნიკა", "Nika"), Name("თორნიკე", "Tornike"), Name("ვახტანგ", "Vakhtang"),
)  # fmt: skip
SURNAMES: Final = (
    Name("ბერიძე", "Beridze"), Name("კაპანაძე", "Kapanadze"), Name("გელაშვილი", "Gelashvili"),
    Name("მაისურაძე", "Maisuradze"), Name("გიორგაძე", "Giorgadze"), Name("ლომიძე", "Lomidze"),
    Name("წიკლაური", "Tsiklauri"), Name("ბოლქვაძე", "Bolkvadze"), Name("ხუციშვილი", "Khutsishvili"),
    Name("ქავთარაძე", "Kavtaradze"), Name("შენგელია", "Shengelia"), Name("ჯაფარიძე", "Japaridze"),
)  # fmt: skip
TRADES: Final = ("მარანი", "ლოჯისტიკა", "მშენებლობა", "სტამბა", "ფერმა", "სასტუმრო", "სკოლა", "აფთიაქი")


def person(personal_number: str) -> Person | None:
    """Whom the civil registry knows under this number."""
    known = PEOPLE.get(personal_number)
    if known is not None or not re.fullmatch("99[0-9]{9}", personal_number):
        return known
    dice = _dice(personal_number)
    woman = dice[0] % 2 == 0
    return Person(
        personal_number=personal_number,
        surname=_one(SURNAMES, dice[1]),
        first_name=_one(WOMEN if woman else MEN, dice[2]),
        birth_date=date(1950, 1, 1) + timedelta(days=int.from_bytes(dice[3:5], "big") % 19_000),
        sex="F" if woman else "M",
        document=IdentityDocument("ID_CARD", f"99{personal_number[2:]}", date(2024, 5, 20), date(2034, 5, 20)),
        meets="made up, all in order",
        citizenships=("GE",),
        former_surname=None,
        died=None,
        has_picture=True,
        email=f"{personal_number}@taxpayers.example.org",
        answers=Mode.OK,
    )


def company(code: str) -> Company | None:
    """Which legal person the public registry knows under this code."""
    known = COMPANIES.get(code)
    if known is not None or not re.fullmatch("99[0-9]{7}", code):
        return known
    director = person(f"99{code}")
    assert director is not None
    return Company(
        code=code,
        name=f"შპს {_one(TRADES, _dice(code)[0])} {code[2:]}",
        representatives=(Representative(director.personal_number, f"{director.first_name.ka} {director.surname.ka}"),),
        email=f"{code}@taxpayers.example.org",
        struck_off=False,
        meets="made up, all in order",
        answers=Mode.OK,
    )


def _dice(number: str) -> bytes:
    return hashlib.sha256(number.encode()).digest()


def _one(of: tuple[T, ...], dice: int) -> T:
    return of[dice % len(of)]
