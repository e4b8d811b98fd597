"""The form refuses bad input field by field, all faults at once."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import date
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from story import CONSENTS, FORM, RULES, Story, enclosed, enclosures, filed_with

from domain.compatriot.documents import DocumentKind
from domain.compatriot.filing import filing_faults, form_faults, tidied
from domain.compatriot.form import Address, Form, Grounds, IdentityDocument, IdentityKind, Name
from domain.consents import Consent, ConsentKind
from domain.contacts import tidy_email, tidy_telephone
from domain.faults import Fault, FaultCode, FormRefused
from domain.language import Language

TODAY = date(2026, 11, 23)
BIDI = "\u202e"


def faults(**changes: Any) -> set[tuple[str, str]]:
    """What is wrong with the form once these fields are changed."""
    return {(f.field, f.code.name) for f in form_faults(tidied(replace(FORM, **changes)), TODAY)}


def document(**changes: Any) -> IdentityDocument:
    return replace(FORM.document, **changes)


def address(**changes: Any) -> Address:
    return replace(FORM.address_abroad, **changes)


def test_a_good_form_has_no_faults_and_stays_as_it_is() -> None:
    assert faults() == set()
    assert tidied(FORM) == FORM


@pytest.mark.parametrize(
    ("first", "kept"),
    [("  თამარ ", "თამარ"), ("ᲗᲐᲛᲐᲠ", "თამარ"), ("ანა-მარია", "ანა-მარია"), ("ანა\u00a0 მარია", "ანა მარია")],
)
def test_georgian_names_are_kept_in_mkhedruli(first: str, kept: str) -> None:
    form = tidied(replace(FORM, name_ka=Name(first, "ა")))
    assert form.name_ka.first == kept
    assert not list(form_faults(form, TODAY))


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("", "MISSING"),
        ("   ", "MISSING"),
        ("Tamar", "NOT_GEORGIAN_SCRIPT"),
        ("თaმარ", "NOT_GEORGIAN_SCRIPT"),
        ("Ⴇამარ", "NOT_GEORGIAN_SCRIPT"),
        ("თამარ1", "NOT_GEORGIAN_SCRIPT"),
        ("-თამარ", "NOT_GEORGIAN_SCRIPT"),
        ("თა\u200dმარ", "NOT_GEORGIAN_SCRIPT"),
        ("ა" * 101, "TOO_LONG"),
        (f"თამარ{BIDI}", "FORBIDDEN_CHARACTERS"),
        ("თა\x00მარ", "FORBIDDEN_CHARACTERS"),
        ("თა\nმარ", "FORBIDDEN_CHARACTERS"),
        ("თ\ud800", "FORBIDDEN_CHARACTERS"),
        ("თ\ue000", "FORBIDDEN_CHARACTERS"),
        ("თ" + "\u0301" * 4, "FORBIDDEN_CHARACTERS"),
    ],
)
def test_a_georgian_name_is_written_in_georgian(first: str, code: str) -> None:
    assert faults(name_ka=Name(first, "მაისურაძე")) == {("nameKa.first", code)}


@pytest.mark.parametrize(
    "last", ["Müller", "O’Neill", "O'Neill", "Şahin", "Nguyễn", "de la Cruz", "Smith-Jones", "Jr."]
)
def test_latin_names_of_every_orthography_are_taken(last: str) -> None:
    assert faults(name_latin=Name("Tamar", unicodedata.normalize("NFD", last))) == set()


@pytest.mark.parametrize("last", ["Маисурадзе", "მაისურაძე", "Ｔamar", "ʇamar", "T@mar", "Tamar 2", "T''amar", "A- -b"])
def test_a_latin_name_is_written_in_latin(last: str) -> None:
    assert faults(name_latin=Name("Tamar", last)) == {("nameLatin.last", "NOT_LATIN_SCRIPT")}


def test_a_name_is_read_in_linear_time() -> None:
    began = process_time()
    faults(name_latin=Name("a" * 100, "a'" * 49 + "!!"), name_ka=Name("ა" * 99 + "!", "ა"))
    assert process_time() - began < 0.5


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"birth_date": date(2026, 11, 24)}, {("birthDate", "BIRTH_DATE_IN_FUTURE")}),
        ({"birth_date": date(2026, 11, 23)}, set()),
        ({"birth_date": date(1905, 12, 31)}, {("birthDate", "BIRTH_DATE_TOO_LONG_AGO")}),
        ({"birth_date": date(1906, 1, 1)}, set()),
        ({"birth_date": date.min}, {("birthDate", "BIRTH_DATE_TOO_LONG_AGO")}),
        ({"citizenships": ()}, {("citizenships", "MISSING"), ("grounds", "NOT_A_CITIZEN_OF_ANOTHER_STATE")}),
        ({"citizenships": ("de", "FR")}, set()),
        ({"citizenships": ("DE", "XX")}, {("citizenships[1]", "COUNTRY_UNKNOWN")}),
        ({"citizenships": ("DE", "SU")}, {("citizenships[1]", "COUNTRY_UNKNOWN")}),
        ({"citizenships": ("DE", "FR", "de ")}, {("citizenships[2]", "CITIZENSHIP_REPEATED")}),
        ({"citizenships": ("DE",) * 1000}, {("citizenships", "TOO_MANY")}),
        ({"personal_number": "01001012345"}, set()),
        ({"personal_number": "  "}, set()),
        ({"personal_number": "1001012345"}, {("personalNumber", "PERSONAL_NUMBER_MALFORMED")}),
        ({"personal_number": "٠١٠٠١٠١٢٣٤٥"}, {("personalNumber", "PERSONAL_NUMBER_MALFORMED")}),
        ({"personal_number": "01001012345\n"}, {("personalNumber", "PERSONAL_NUMBER_MALFORMED")}),
        ({"document": document(number="")}, {("document.number", "MISSING")}),
        ({"document": document(number="c01-x00 t47")}, set()),
        ({"document": document(number="АА 123456")}, set()),
        ({"document": document(number="ABCDEF")}, {("document.number", "DOCUMENT_NUMBER_MALFORMED")}),
        ({"document": document(number="A1;DROP")}, {("document.number", "DOCUMENT_NUMBER_MALFORMED")}),
        ({"document": document(number="1" * 31)}, {("document.number", "DOCUMENT_NUMBER_MALFORMED")}),
        ({"document": document(number=f"A1{BIDI}2")}, {("document.number", "DOCUMENT_NUMBER_MALFORMED")}),
        ({"document": document(issuer="Deutschland")}, {("document.issuer", "COUNTRY_UNKNOWN")}),
        ({"document": document(expires=date(2026, 11, 22))}, {("document.expires", "DOCUMENT_EXPIRED")}),
        ({"document": document(expires=date(2026, 11, 23))}, set()),
        ({"document": document(kind=IdentityKind.OTHER, expires=None)}, set()),
        ({"address_abroad": address(country="ge")}, {("addressAbroad.country", "ADDRESS_IN_GEORGIA")}),
        ({"address_abroad": address(country="")}, {("addressAbroad.country", "COUNTRY_UNKNOWN")}),
        ({"address_abroad": address(city=" ", line="")}, {(f"addressAbroad.{f}", "MISSING") for f in ("city", "line")}),
        ({"address_abroad": address(line="x" * 201)}, {("addressAbroad.line", "TOO_LONG")}),
        ({"address_abroad": address(line="ул. Ленина 1\u2028")}, {("addressAbroad.line", "FORBIDDEN_CHARACTERS")}),
        ({"address_abroad": address(city="تهران", line="خیابان ولی\u200cعصر ۷", postcode=None)}, set()),
        ({"address_abroad": address(postcode="1" * 21)}, {("addressAbroad.postcode", "TOO_LONG")}),
        ({"email": ""}, {("email", "MISSING")}),
        ({"email": "tamar"}, {("email", "EMAIL_MALFORMED")}),
        ({"email": "tamar@example.org\r\nBcc: all@example.org"}, {("email", "FORBIDDEN_CHARACTERS")}),
        ({"email": "a" * 250 + "@example.org"}, {("email", "TOO_LONG")}),
        ({"telephone": "0555 123456"}, {("telephone", "TELEPHONE_MALFORMED")}),
        ({"telephone": "+995 (555) 12-34-56"}, set()),
        ({"telephone": "+1"}, {("telephone", "TELEPHONE_MALFORMED")}),
        ({"telephone": "+9" * 30}, {("telephone", "TOO_LONG")}),
        ({"telephone": ""}, {("telephone", "MISSING")}),
    ],
)
def test_every_field_says_what_is_wrong_with_it(changes: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert faults(**changes) == expected


@pytest.mark.parametrize(
    ("grounds", "citizenships", "expected"),
    [
        (Grounds(citizen_abroad=True), ("GE",), set()),
        (Grounds(citizen_abroad=True), ("GE", "DE"), set()),
        (Grounds(origin=True), ("DE",), set()),
        (Grounds(mother_tongue=True), ("TR",), set()),
        (Grounds(origin=True, mother_tongue=True), ("DE", "GE"), set()),
        (Grounds(), ("DE",), {("grounds", "GROUNDS_MISSING")}),
        (Grounds(citizen_abroad=True, origin=True), ("GE", "DE"), {("grounds", "GROUNDS_EXCLUDE_EACH_OTHER")}),
        (Grounds(citizen_abroad=True), ("DE",), {("grounds.citizenAbroad", "NOT_A_CITIZEN_OF_GEORGIA")}),
        (Grounds(origin=True), ("GE",), {("grounds", "NOT_A_CITIZEN_OF_ANOTHER_STATE")}),
    ],
)
def test_grounds(grounds: Grounds, citizenships: tuple[str, ...], expected: set[tuple[str, str]]) -> None:
    assert faults(grounds=grounds, citizenships=citizenships) == expected


def test_an_address_has_one_form() -> None:
    assert tidy_email(" Tamar.M@EXAMPLE.org ") == "Tamar.M@example.org"
    assert tidy_email("tamar@თბილისი.გე") == "tamar@xn--modleaak4c.xn--node"
    for hostile in (
        "თამარი@example.org",
        '"a b"@example.org',
        "a@[127.0.0.1]",
        "a@b",
        "a@ex\u200bample.org",
        "\ud800@a.ge",
    ):
        assert tidy_email(hostile) is None


def test_a_telephone_has_one_form() -> None:
    assert tidy_telephone("+995 555-12-34-56") == "+995555123456"
    assert tidy_telephone("+４９ 151 12345678") in (None, "+4915112345678")
    for hostile in ("tel:+995555123456;ext=1", "+995555123456 ext. 7", "+000000000000", "+" * 39, "\x00+995555123456"):
        assert tidy_telephone(hostile) is None


PHOTOGRAPH, IDENTITY, LETTER = DocumentKind.PHOTOGRAPH, DocumentKind.IDENTITY, DocumentKind.MOTIVATION_LETTER


@pytest.mark.parametrize(
    ("documents", "codes"),
    [
        (enclosures(), []),
        ((*enclosures(), enclosed(DocumentKind.OTHER)), []),
        (enclosures()[1:], ["PHOTOGRAPHS_NOT_TWO"]),
        ((*enclosures(), enclosed(PHOTOGRAPH)), ["PHOTOGRAPHS_NOT_TWO"]),
        ((enclosed(PHOTOGRAPH, "me"), enclosed(PHOTOGRAPH, "me"), *enclosures()[2:]), ["PHOTOGRAPHS_SAME"]),
        (enclosures()[:2], ["IDENTITY_DOCUMENT_MISSING", "MOTIVATION_LETTER_MISSING"]),
        ((*enclosures(), enclosed(DocumentKind.INFORMATION)), ["DOCUMENT_OF_WRONG_KIND"]),
        ((*(same := enclosures()), same[3]), ["DOCUMENT_REPEATED"]),
        ((*enclosures(), *(enclosed(DocumentKind.OTHER) for _ in range(9))), ["TOO_MANY"]),
        ((), ["PHOTOGRAPHS_NOT_TWO", "IDENTITY_DOCUMENT_MISSING", "MOTIVATION_LETTER_MISSING"]),
    ],
)
def test_enclosures(documents: tuple[Any, ...], codes: list[str]) -> None:
    found = filing_faults(
        FORM, documents, CONSENTS, today=TODAY, required=RULES.required_consents, texts=RULES.consents
    )
    assert [(f.field, f.code.name) for f in found] == [("documents", code) for code in codes]


@pytest.mark.parametrize(
    ("consents", "codes"),
    [
        ((), ["CONSENT_MISSING"]),
        ((Consent(ConsentKind.NEWS, "v1", Language.EN),), ["CONSENT_MISSING"]),
        (CONSENTS * 2, ["CONSENT_REPEATED"]),
        ((Consent(ConsentKind.PERSONAL_DATA, "v0", Language.KA),), ["CONSENT_OUTDATED"]),
        ((*CONSENTS, Consent(ConsentKind.NEWS, "x" * 10_000, Language.KA)), ["CONSENT_OUTDATED"]),
    ],
)
def test_consents(consents: tuple[Consent, ...], codes: list[str]) -> None:
    story = Story().when(filed_with(consents=consents))
    story.refused(FormRefused, faults=tuple(Fault("consents", FaultCode(code)) for code in codes))


def test_all_faults_are_found_at_once_and_nothing_is_stored() -> None:
    story = Story()
    story.emails.unconfirmed.add(FORM.email)
    story.when(filed_with(documents=(), consents=(), grounds=Grounds(), name_ka=Name("Tamar", "")))
    story.refused(
        FormRefused,
        faults=(
            Fault("nameKa.first", FaultCode.NOT_GEORGIAN_SCRIPT),
            Fault("nameKa.last", FaultCode.MISSING),
            Fault("grounds", FaultCode.GROUNDS_MISSING),
            Fault("documents", FaultCode.PHOTOGRAPHS_NOT_TWO),
            Fault("documents", FaultCode.IDENTITY_DOCUMENT_MISSING),
            Fault("documents", FaultCode.MOTIVATION_LETTER_MISSING),
            Fault("consents", FaultCode.CONSENT_MISSING),
            Fault("email", FaultCode.EMAIL_NOT_CONFIRMED),
        ),
    )
    assert not story.office.told()


hostile = st.text(st.characters(), max_size=40)


@given(
    st.builds(
        replace,
        st.just(FORM),
        name_ka=st.builds(Name, hostile, hostile),
        name_latin=st.builds(Name, hostile, hostile),
        birth_date=st.dates(),
        citizenships=st.lists(hostile, max_size=7).map(tuple),
        document=st.builds(IdentityDocument, st.sampled_from(IdentityKind), hostile, hostile, st.none() | st.dates()),
        address_abroad=st.builds(Address, hostile, hostile, hostile, st.none() | hostile),
        email=hostile,
        telephone=hostile,
        personal_number=st.none() | hostile,
    )
)
def test_whatever_is_typed_is_read_without_failing_and_tidied_once_and_for_all(form: Form) -> None:
    kept = tidied(form)
    assert tidied(kept) == kept
    found = list(form_faults(kept, TODAY))
    if not found:
        for text in (kept.name_ka.first, kept.name_latin.last, kept.address_abroad.line, kept.email):
            assert all(unicodedata.category(c) not in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"} for c in text)
