"""Personal facts are sealed for one place under one subject's key: nowhere else do they open, and after erasure not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_house import House
from ledger_samples import SENDER, TEXT, Letter, Note, Page, somebody, write

from domain.erasure import PersonalDataGone
from domain.event import ERASED
from domain.office import Office
from ledger.aead import Tampered
from ledger.keys import UnknownKey
from ledger.mapper import SubjectMissing
from ledger.opening import Ledger
from ledger.reader import Recorded, Undecodable
from ledger.sealing import SEALED, Sealed


def written(ledger: Ledger, office: Office) -> Recorded:
    write(office, office.act(somebody(), "write"), ledger.keys.mint())
    return ledger.reader.read(0, 100)[-1]


def test_read_it_is_sealed_opened_it_is_what_was_said(ledger: Ledger, office: Office) -> None:
    recorded = written(ledger, office)
    assert isinstance(recorded.event, Letter.Written)
    assert (recorded.event.sender, recorded.event.text, recorded.event.second) == (SEALED, SEALED, SEALED)
    assert recorded.event.pages == 3
    assert not SEALED
    opened = ledger.reader.open(recorded)
    assert isinstance(opened, Letter.Written)
    assert (opened.sender, opened.text, opened.second) == (SENDER, TEXT, None)
    assert ledger.sealer.open(recorded.sealed) == {"sender": SENDER, "text": TEXT, "second": None}
    assert office.load(Letter, recorded.stream).sender == SENDER


def test_a_read_model_keeps_it_packed_and_opens_it_later(ledger: Ledger, office: Office) -> None:
    sealed = written(ledger, office).sealed
    assert Sealed.unpack(sealed.pack()) == sealed
    assert ledger.sealer.open(Sealed.unpack(sealed.pack()))["sender"] == SENDER


@given(st.binary(max_size=200))
def test_what_was_not_packed_is_not_unpacked(packed: bytes) -> None:
    with suppress(Tampered):
        assert Sealed.unpack(packed).pack() == packed


@pytest.fixture(scope="module")
def two_sealed(standing_house: House) -> tuple[Ledger, Sealed, Sealed]:
    ledger, office = standing_house.open(), standing_house.office()
    return ledger, written(ledger, office).sealed, written(ledger, office).sealed


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed, _: replace(sealed, stream=uuid4()),
        lambda sealed, _: replace(sealed, version=sealed.version + 1),
        lambda sealed, _: replace(sealed, topic="sample.Letter.Annotated"),
        lambda sealed, other: replace(sealed, key_id=other.key_id),
        lambda sealed, other: replace(sealed, ciphertext=other.ciphertext),
        lambda sealed, _: replace(sealed, ciphertext=b"\x02" + sealed.ciphertext[1:]),
        lambda sealed, _: replace(sealed, ciphertext=sealed.ciphertext[:-1]),
        lambda sealed, _: replace(sealed, ciphertext=b""),
        *[
            lambda sealed, _, at=at: replace(
                sealed,
                ciphertext=sealed.ciphertext[:at] + bytes([sealed.ciphertext[at] ^ 1]) + sealed.ciphertext[at + 1 :],
            )
            for at in (1, 13, -1)
        ],
    ],
    ids=["stream", "version", "topic", "key", "other's", "format", "cut", "empty", "nonce", "text", "tag"],
)
def test_in_another_place_or_changed_it_does_not_open(two_sealed: tuple[Ledger, Sealed, Sealed], change) -> None:
    ledger, sealed, other = two_sealed
    with pytest.raises(Tampered) as refused:
        ledger.sealer.open(change(sealed, other))
    assert "CANARY" not in str(refused.value)


def test_moved_inside_the_table_it_does_not_load(house: House, ledger: Ledger, office: Office) -> None:
    first, second = written(ledger, office), written(ledger, office)
    house.ask("ALTER TABLE ledger.event DISABLE TRIGGER append_only")
    house.ask(
        "UPDATE ledger.event SET (sealed, key_id) = (SELECT sealed, key_id FROM ledger.event WHERE position = %s)"
        " WHERE position = %s",
        first.position,
        second.position,
    )
    with pytest.raises(Tampered):
        office.load(Letter, second.stream)
    house.ask("UPDATE ledger.event SET sealed = NULL, key_id = NULL WHERE position = %s", second.position)
    with pytest.raises(Tampered):
        office.load(Letter, second.stream)


def test_erased_it_reads_as_erased_everywhere(house: House, ledger: Ledger, office: Office) -> None:
    subject = ledger.keys.mint()
    receipt = write(office, office.act(somebody(), "write"), subject)
    recorded = ledger.reader.read(0, 1)[0]
    assert ledger.reader.open(recorded).sender == SENDER
    house.erase(subject, ledger.keys)
    assert ledger.sealer.open(recorded.sealed) == {"sender": ERASED, "text": ERASED, "second": ERASED}
    opened = ledger.reader.open(ledger.reader.stream(receipt.stream)[0])
    assert (opened.sender, opened.text, opened.pages) == (ERASED, ERASED, 3)
    assert not opened.sender
    assert house.office().load(Letter, receipt.stream).sender == ERASED
    with pytest.raises(PersonalDataGone):
        write(office := house.office(), office.act(somebody(), "write"), subject)
    house.erase(subject, ledger.keys)


def test_one_person_erased_leaves_the_others(house: House, ledger: Ledger, office: Office) -> None:
    first, second = ledger.keys.mint(), ledger.keys.mint()
    for subject in (first, second, first):
        write(office, office.act(somebody(), "write"), subject)
    house.erase(first, ledger.keys)
    opened = ledger.reader.open_all(ledger.reader.read(0, 10))
    assert [event.sender for event in opened] == [ERASED, SENDER, ERASED]


def test_another_key_store_is_not_taken_for_erasure(house: House, ledger: Ledger, office: Office) -> None:
    recorded = written(ledger, office)
    house.ask_keys("DELETE FROM keystore.subject")
    fresh = house.open()
    with pytest.raises(UnknownKey):
        fresh.sealer.open(recorded.sealed)
    with pytest.raises(UnknownKey):
        house.office().load(Letter, recorded.stream)


def test_personal_facts_of_no_subject_are_never_stored(house: House, office: Office) -> None:
    with pytest.raises(SubjectMissing):
        write(office, office.act(somebody(), "write"), None)
    assert house.ask("SELECT count(*) FROM ledger.event") == [(0,)]


def test_a_mark_deep_inside_a_field_seals_the_field(ledger: Ledger, office: Office) -> None:
    receipt = write(office, office.act(somebody(), "write"), ledger.keys.mint())
    letter = office.load(Letter, receipt.stream)
    notes = (Note(Page(1), "CANARY"),)
    letter.record(Letter.Annotated, act := office.act(somebody(), "annotate"), notes=notes)
    office.commit(letter, act=act)
    recorded = ledger.reader.stream(receipt.stream)[1]
    assert recorded.event.notes is SEALED
    assert ledger.reader.open(recorded).notes == notes


def test_an_event_that_cannot_be_read_stops_a_reader_before_it_and_says_where_it_is(
    house: House, ledger: Ledger, office: Office
) -> None:
    for _ in range(3):
        written(ledger, office)
    house.ask("ALTER TABLE ledger.event DISABLE TRIGGER append_only")
    house.ask("UPDATE ledger.event SET topic = 'sample.Letter.Forgotten' WHERE position = 2")
    assert [one.position for one in ledger.reader.read(0, 10)] == [1]
    with pytest.raises(Undecodable) as found:
        ledger.reader.read(1, 10)
    assert found.value.position == 2
    assert [one.position for one in ledger.reader.read(2, 10)] == [3]
    with pytest.raises(Undecodable):
        ledger.reader.stream(found.value.stream)


def test_one_question_to_the_key_store_opens_many(house: House, ledger: Ledger, office: Office) -> None:
    subjects = [ledger.keys.mint() for _ in range(5)]
    for subject in subjects:
        write(office, office.act(somebody(), "write"), subject)
    recorded, fresh = ledger.reader.read(0, 10), house.open()
    asked: list[int] = []
    load = fresh.keys._load
    fresh.keys._load = lambda column, ids: asked.append(len(ids)) or load(column, ids)
    assert [event.sender for event in fresh.reader.open_all(recorded)] == [SENDER] * 5
    assert asked == [5]
