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

QUICK = Patience(connect=1.0, answer=0.5, in_all=1.5, tries=2, trips_after=100)


@pytest.fixture
def registry(shared_sandbox: Sandbox) -> Iterator[CivilRegistryOverHttp]:
    gateway = CivilRegistryOverHttp(f"{shared_sandbox.url}/registry", shared_sandbox.secrets["registry_api_key"], QUICK)
    yield gateway
    gateway.close()
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
    assert registry.find("99999999999") is None


@pytest.mark.parametrize("number", ["00000000001", "00000000002", "00000000003"], ids=["slow", "failing", "another's"])
def test_no_answer_a_failure_and_another_persons_record_are_not_available(
    registry: CivilRegistryOverHttp, number: str
) -> None:
    with pytest.raises(RegistryUnavailable):
        registry.find(number)


def test_one_failure_is_got_over(registry: CivilRegistryOverHttp, shared_sandbox: Sandbox) -> None:
    shared_sandbox.ask("POST", "/registry/behaviour", json={"mode": "failing", "times": 1})
    assert registry.find("01024067891") is not None


def test_a_wrong_key_is_not_available(shared_sandbox: Sandbox) -> None:
    with pytest.raises(RegistryUnavailable):
        CivilRegistryOverHttp(f"{shared_sandbox.url}/registry", "wrong", QUICK).find("01008012345")


@pytest.mark.parametrize("number", ["", "1", "0100801234x", "01008012345/../x", "０１００８０１２３４５"])
def test_only_a_personal_number_is_asked_about(registry: CivilRegistryOverHttp, number: str) -> None:
    with pytest.raises(ValueError, match="11 digits"):
        registry.find(number)
