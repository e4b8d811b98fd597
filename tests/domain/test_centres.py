"""The nearest service centre comes first, however the place is written."""

from __future__ import annotations

from importlib.resources import files

import pytest

from domain.language import Language
from domain.taxpayer.centres import BrokenCentres, Centres, PlaceUnknown, distance, parse_centres

CENTRES = (files("domain.taxpayer") / "centres.toml").read_text(encoding="utf-8")
PLACES = (files("domain.taxpayer") / "places.toml").read_text(encoding="utf-8")
ONE = """[[centre]]
id = "gori"
name = { ka = "გორი", en = "Gori" }
address = { ka = "გორი", en = "Gori" }
place = { ka = "გორი", en = "Gori" }
latitude = 41.985
longitude = 44.113
"""


@pytest.fixture(scope="module")
def centres() -> Centres:
    return parse_centres(CENTRES, PLACES)


@pytest.mark.parametrize(
    ("place", "nearest"),
    [
        ("თბილისი", "tbilisi"),
        ("ვაკე", "tbilisi"),
        ("წყალტუბო", "kutaisi"),
        ("მახინჯაური", "batumi"),
        ("წალენჯიხა", "zugdidi"),
        ("ურეკი", "poti"),
        ("ონი", "ambrolauri"),
        ("ბორჯომი", "akhaltsikhe"),
        ("ლაგოდეხი", "telavi"),
        ("ბოლნისი", "marneuli"),
        ("გარდაბანი", "rustavi"),
        ("ხაშური", "gori"),
        ("ჩოხატაური", "ozurgeti"),
    ],
)
def test_the_nearest_comes_first(centres: Centres, place: str, nearest: str) -> None:
    found = centres.nearest(place, Language.KA)
    assert found[0].centre.id == nearest
    assert [each.kilometres for each in found] == sorted(each.kilometres for each in found)
    assert len(found) == len(centres.all(Language.KA))


@pytest.mark.parametrize(
    "written",
    [
        *("წყალტუბო", "ᲬᲧᲐᲚᲢᲣᲑᲝ", " ქ. წყალტუბო ", "წყალტუბოს მუნიციპალიტეტი", "წყალტუბოში"),
        *("Tsqaltubo", "Ts'qaltubo", "Ts’q’alt’ubo", "TSKALTUBO", "Tskaltubo municipality"),
    ],
)
def test_a_place_is_known_however_it_is_written(centres: Centres, written: str) -> None:
    assert centres.nearest(written, Language.EN) == centres.nearest("Tsqaltubo", Language.EN)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("გორის მუნიციპალიტეტი", "Gori"), ("მცხეთის", "Mtskheta"), ("ქუთაისში", "Kutaisi"), ("ყაზბეგი", "Stepantsminda")],
)
def test_its_cases_and_other_names_are_known(centres: Centres, written: str, meant: str) -> None:
    assert centres.nearest(written, Language.KA) == centres.nearest(meant, Language.KA)


def test_a_centre_is_told_in_both_languages_under_one_id(centres: Centres) -> None:
    georgian, english = centres.find("tbilisi", Language.KA), centres.find("tbilisi", Language.EN)
    assert georgian is not None
    assert english is not None
    assert (georgian.name, georgian.address) == ("თბილისის სერვისცენტრი", "ქ. თბილისი, ვახტანგ გორგასლის ქ. №16")
    assert (english.name, english.address) == ("Tbilisi service centre", "16 Vakhtang Gorgasali Street, Tbilisi")
    assert centres.find("atlantis", Language.KA) is None


@pytest.mark.parametrize(
    ("written", "alike"),
    [("ქუთისი", "ქუთაისი"), ("Batumy", "Batumi"), ("თბლისი", "თბილისი")],
)
def test_a_slip_is_answered_with_what_may_be_meant(centres: Centres, written: str, alike: str) -> None:
    with pytest.raises(PlaceUnknown) as refused:
        centres.nearest(written, Language.EN)
    assert refused.value.alike[0] == alike


@pytest.mark.parametrize(
    "written", ["", " ", "ქ.", "12", "x" * 100_000, "\ud800", "გორი" * 50, "ქ." * 39, "\u0000", "Atlantis"]
)
def test_nonsense_is_nowhere(centres: Centres, written: str) -> None:
    with pytest.raises(PlaceUnknown) as refused:
        centres.nearest(written, Language.KA)
    assert len(refused.value.alike) <= 3


def test_distances_are_those_of_the_map() -> None:
    assert distance((41.691, 44.834), (41.641, 41.631)) == pytest.approx(266, abs=2)  # Tbilisi, Batumi
    assert distance((42.0, 43.0), (42.0, 43.0)) == 0


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "[[centre]",
        "centre = 5",
        "centre = []",
        ONE + ONE,
        ONE.replace('"gori"', '"Gori Centre"'),
        ONE.replace("41.985", "141.985"),
        ONE.replace("41.985", '"here"'),
        ONE.replace('en = "Gori"', 'en = " "', 1),
        ONE.replace(', en = "Gori"', "", 1),
    ],
)
def test_a_broken_list_is_not_opened_with(broken: str) -> None:
    with pytest.raises(BrokenCentres):
        parse_centres(broken, PLACES)


def test_a_name_means_one_place() -> None:
    row = '{ ka = "გორი", en = "Gori", latitude = 42.0, longitude = 44.0 }'
    with pytest.raises(BrokenCentres):
        parse_centres(ONE, f"place = [{row}, {row}]")


def test_every_municipality_is_among_the_places(centres: Centres) -> None:
    """Sixty-four municipalities and self-governing cities. Source: the Code of Local Self-Government."""
    names = """
        ახმეტა გურჯაანი დედოფლისწყარო თელავი ლაგოდეხი საგარეჯო სიღნაღი ყვარელი დუშეთი თიანეთი მცხეთა ყაზბეგი ბოლნისი
        გარდაბანი დმანისი თეთრიწყარო მარნეული წალკა რუსთავი გორი კასპი ქარელი ხაშური ადიგენი ასპინძა ახალციხე
        ახალქალაქი ბორჯომი ნინოწმინდა ბაღდათი ვანი ზესტაფონი თერჯოლა სამტრედია საჩხერე ტყიბული წყალტუბო ჭიათურა
        ხარაგაული ხონი ქუთაისი ამბროლაური ლენტეხი ონი ცაგერი აბაშა ზუგდიდი მარტვილი მესტია სენაკი ჩხოროწყუ წალენჯიხა
        ხობი ფოთი ლანჩხუთი ოზურგეთი ჩოხატაური ქედა ქობულეთი შუახევი ხელვაჩაური ხულო ბათუმი თბილისი
    """
    assert len(names.split()) == 64
    for name in names.split():
        assert centres.nearest(name, Language.KA)
