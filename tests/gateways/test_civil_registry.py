"""The civil registry's answer is a whole record of the person asked about, nobody, or "not available"."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date

import pytest
from neighbours import Sandbox
from PIL import Image

from domain.videobar.registry import RegistryUnavailable
from gateways.civil_registry import CivilRegistryOverHttp
from gateways.neighbour import Patience

PATIENT = Patience(connect=10.0, answer=10.0, in_all=20.0, tries=3, trips_after=100)
HASTY = Patience(connect=10.0, answer=0.3, in_all=1.0, tries=2, trips_after=100)


def gateway(sandbox: Sandbox, patience: Patience) -> CivilRegistryOverHttp:
    return CivilRegistryOverHttp(f"{sandbox.url}/registry", sandbox.secrets["registry_api_key"], patience)


@pytest.fixture
def registry(shared_sandbox: Sandbox) -> Iterator[CivilRegistryOverHttp]:
    opened = gateway(shared_sandbox, PATIENT)
    yield opened
    opened.close()
    shared_sandbox.ask("POST", "/registry/behaviour", json={"mode": "ok"})


def test_a_person_is_found_with_a_picture(registry: CivilRegistryOverHttp) -> None:
    found = registry.find("01008012345")

    assert found is not None
    assert (found.surname, found.first_name, found.birth_date) == ("მაისურაძე", "ნინო", date(1988, 3, 14))
    assert (found.citizenships, found.document_number, found.document_expires) == (
        ("GE",),
        "18IC40211",
        date(2034, 5, 20),
    )
    picture = Image.open(io.BytesIO(found.picture))
    assert (found.picture_media_type, picture.size) == ("image/jpeg", (700, 900))


def test_what_an_operator_may_meet(registry: CivilRegistryOverHttp) -> None:
    numbers = ("61004023456", "60002011223", "12001044556", "19001066778", "35001098765", "42001020304")
    found = [person for number in numbers if (person := registry.find(number)) is not None]
    abroad, changed, dead, lost, expired, pictureless = found
    assert abroad.citizenships == ("DE",)
    assert changed.former_surnames == ("ლომიძე",)
    assert dead.died == date(2023, 2, 11)
    assert [person.document_cancelled for person in (changed, lost, expired)] == [False, True, False]
    assert expired.document_expires == date(2021, 9, 1)
    assert (pictureless.picture, pictureless.picture_media_type) == (b"", "")


def test_nobody_has_an_unknown_number(registry: CivilRegistryOverHttp) -> None:
    assert registry.find("10000000000") is None


@pytest.mark.parametrize(
    ("number", "patience"),
    [("00000000001", HASTY), ("00000000002", PATIENT), ("00000000003", PATIENT)],
    ids=["slow", "failing", "another's"],
)
def test_no_answer_a_failure_and_another_persons_record_are_not_available(
    shared_sandbox: Sandbox, number: str, patience: Patience
) -> None:
    with pytest.raises(RegistryUnavailable):
        gateway(shared_sandbox, patience).find(number)


def test_one_failure_is_got_over(registry: CivilRegistryOverHttp, shared_sandbox: Sandbox) -> None:
    shared_sandbox.ask("POST", "/registry/behaviour", json={"mode": "failing", "times": 1})
    assert registry.find("01024067891") is not None


def test_a_wrong_key_is_not_available(shared_sandbox: Sandbox) -> None:
    with pytest.raises(RegistryUnavailable):
        CivilRegistryOverHttp(f"{shared_sandbox.url}/registry", "wrong", PATIENT).find("01008012345")


@pytest.mark.parametrize("number", ["", "1", "0100801234x", "01008012345/../x", "０１００８０１２３４５"])
def test_only_a_personal_number_is_asked_about(registry: CivilRegistryOverHttp, number: str) -> None:
    with pytest.raises(ValueError, match="11 digits"):
        registry.find(number)
