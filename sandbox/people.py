"""Whom the sandbox's civil registry knows: a dozen invented persons, each with something an operator may meet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from sandbox.behaviour import Mode


@dataclass(frozen=True)
class Name:
    ka: str
    latin: str


@dataclass(frozen=True)
class IdentityDocument:
    kind: Literal["ID_CARD", "PASSPORT"]
    number: str
    issued: date
    expires: date
    cancelled: bool = False

    def state(self, today: date) -> Literal["VALID", "EXPIRED", "CANCELLED"]:
        if self.cancelled:
            return "CANCELLED"
        return "EXPIRED" if self.expires < today else "VALID"


@dataclass(frozen=True)
class Person:
    """One record of the registry. ``meets``: what an operator meets here, for the sandbox's home page."""

    personal_number: str
    surname: Name
    first_name: Name
    birth_date: date
    sex: Literal["F", "M"]
    document: IdentityDocument
    meets: str
    citizenships: tuple[str, ...] = ("GE",)
    former_surname: Name | None = None
    died: date | None = None
    has_picture: bool = True
    answers: Mode = Mode.OK


def _card(number: str, expires: date = date(2034, 5, 20), cancelled: bool = False) -> IdentityDocument:
    return IdentityDocument("ID_CARD", number, expires.replace(year=expires.year - 10), expires, cancelled)


PEOPLE: dict[str, Person] = {
    person.personal_number: person
    for person in (
        Person(
            "01008012345", Name("მაისურაძე", "Maisuradze"), Name("ნინო", "Nino"), date(1988, 3, 14), "F",
            _card("18IC40211"), "all in order",
        ),
        Person(
            "01024067891", Name("ბერიძე", "Beridze"), Name("გიორგი", "Giorgi"), date(1979, 11, 2), "M",
            _card("15IB77120"), "all in order",
        ),
        Person(
            "35001098765", Name("კაპანაძე", "Kapanadze"), Name("თამარ", "Tamar"), date(1965, 7, 30), "F",
            _card("11IA00934", date(2021, 9, 1)), "the document has expired",
        ),
        Person(
            "61004023456", Name("ქავთარაძე", "Kavtaradze"), Name("ლევან", "Levan"), date(1991, 1, 19), "M",
            _card("14IB31877", cancelled=True), "no longer a citizen of Georgia", citizenships=("DE",),
        ),
        Person(
            "60002011223", Name("გელაშვილი", "Gelashvili"), Name("ეკატერინე", "Ekaterine"), date(1985, 12, 8), "F",
            _card("19IC55203"), "changed her surname", former_surname=Name("ლომიძე", "Lomidze"),
        ),
        Person(
            "12001044556", Name("ჯავახიშვილი", "Javakhishvili"), Name("ვახტანგ", "Vakhtang"), date(1941, 4, 23), "M",
            _card("12IA10077", cancelled=True), "deceased", died=date(2023, 2, 11),
        ),
        Person(
            "01030033445", Name("დვალი", "Dvali"), Name("ანა", "Ana"), date(1996, 6, 5), "F",
            _card("20IC91340"), "citizen of two states", citizenships=("GE", "US"),
        ),
        Person(
            "54001022119", Name("ნადირაძე", "Nadiradze"), Name("ზურაბ", "Zurab"), date(1972, 10, 27), "M",
            IdentityDocument("PASSPORT", "19AL22046", date(2024, 2, 2), date(2034, 2, 2)), "holds a passport",
        ),
        Person(
            "19001066778", Name("ხვედელიძე", "Khvedelidze"), Name("მარიამ", "Mariam"), date(2001, 8, 16), "F",
            _card("21ID07715", cancelled=True), "the document was reported lost",
        ),
        Person(
            "62007015151", Name("შონია", "Shonia"), Name("ირაკლი", "Irakli"), date(1983, 2, 28), "M",
            _card("16IB66402"), "all in order",
        ),
        Person(
            "42001020304", Name("წიკლაური", "Tsiklauri"), Name("სალომე", "Salome"), date(1999, 9, 9), "F",
            _card("17IC28850"), "no picture on record", has_picture=False,
        ),
        Person(
            "01017055667", Name("აბაშიძე", "Abashidze"), Name("დავით", "Davit"), date(1958, 5, 26), "M",
            _card("13IA84419"), "all in order",
        ),
        Person(
            "00000000001", Name("ნელი", "Neli"), Name("პასუხი", "Pasukhi"), date(1970, 1, 1), "F",
            _card("00SL00001"), "the registry answers later than anyone waits", answers=Mode.SLOW,
        ),
        Person(
            "00000000002", Name("მწყობრიდან", "Mtsqobridan"), Name("გამოსული", "Gamosuli"), date(1970, 1, 2), "M",
            _card("00FA00002"), "the registry fails", answers=Mode.FAILING,
        ),
        Person(
            "00000000003", Name("სხვისი", "Skhvisi"), Name("ჩანაწერი", "Chanatseri"), date(1970, 1, 3), "M",
            _card("00WR00003"), "the registry answers with another person's record", answers=Mode.WRONG,
        ),
    )
}  # fmt: skip
