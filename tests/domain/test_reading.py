"""Staff read personal data on record: one event a request, in a stream of its own."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from memory_office import CASHIER, MemoryOffice

from domain.people import STAFF, Actor, Role
from domain.staff.commands import Commands, NotStaff, ReadingTooLarge
from domain.staff.reading import Purpose


@pytest.fixture
def office() -> MemoryOffice:
    return MemoryOffice()


def read(office: MemoryOffice, by: Actor, subjects: tuple[UUID, ...], what: str = "case") -> UUID:
    return Commands(office).read(office.by(by), subjects=subjects, purpose=Purpose.PAYMENT, what=what).stream


def test_a_reading_says_who_read_whose_data_and_why(office: MemoryOffice) -> None:
    one, other = uuid4(), uuid4()

    stream = read(office, CASHIER, (one, other, one), "suspense.list")

    (event,) = office.history(stream)
    assert type(event).TOPIC == "staff.Reading.PersonalDataRead"
    assert (event.by, event.subject) == (CASHIER, None)
    assert (set(event.subjects), len(event.subjects)) == ({one, other}, 2)
    assert (event.purpose, event.what) == (Purpose.PAYMENT, "suspense.list")
    assert read(office, CASHIER, (one,)) != stream


@pytest.mark.parametrize("role", sorted(set(Role) - STAFF))
def test_only_staff_read_other_peoples_data(office: MemoryOffice, role: Role) -> None:
    with pytest.raises(NotStaff):
        read(office, Actor("somebody", role), (uuid4(),))
    assert office.told() == []


def test_a_reading_is_a_page_and_names_a_view_never_a_value(office: MemoryOffice) -> None:
    with pytest.raises(ReadingTooLarge):
        read(office, CASHIER, tuple(uuid4() for _ in range(501)))
    for value in ("ნინო", "01001012345", "a b", ""):
        with pytest.raises(ValueError, match="view"):
            read(office, CASHIER, (uuid4(),), value)
    assert office.told() == []
