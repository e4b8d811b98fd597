"""The service centres, and which of them is nearest to a place that a person names.

Source: the form's notice, "მიაკითხეთ უახლეს სერვისცენტრს".
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import asin, cos, radians, sin, sqrt
from typing import Any, Final, cast

from domain.language import Language
from domain.refusals import Refusal

EARTH: Final = 6371.0088
"""Kilometres: the mean radius. Source: IUGG, Geodetic Reference System 1980."""
LONGEST_PLACE: Final = 80
ALIKE: Final = 3

_ID: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_BESIDE_THE_NAME: Final = re.compile(
    r"^(?:ქალაქი|ქ\.|დაბა|სოფელი|სოფ\.)\s*|\s*(?:მუნიციპალიტეტი|municipality|city|town)$", re.IGNORECASE
)


class BrokenCentres(ValueError):
    """The list of centres or of places cannot be read; the office does not open with it."""


@dataclass(eq=False)
class PlaceUnknown(Refusal):
    """No town, municipality or district of this name is known. ``alike``: names that are written nearly so."""

    code = "PLACE_UNKNOWN"

    alike: tuple[str, ...]


@dataclass(frozen=True)
class Centre:
    """A service centre, told in one language. Degrees in WGS 84."""

    id: str
    """What the claim of a consultant's account and the events name it by."""
    name: str
    address: str
    place: str
    latitude: float
    longitude: float


@dataclass(frozen=True)
class CentreDistance:
    """A centre, and how far it is as the crow flies, in kilometres to one decimal."""

    centre: Centre
    kilometres: float


@dataclass(frozen=True)
class _Place:
    names: Mapping[Language, str]
    keys: frozenset[str]
    at: tuple[float, float]


class Centres:
    """Every centre, and the places that one may name."""

    def __init__(self, centres: Sequence[Mapping[Language, Centre]], places: Sequence[_Place]) -> None:
        self._centres = {each[Language.KA].id: each for each in centres}
        self._places = {key: place for place in places for key in place.keys}
        self._names = {language: [place.names[language] for place in places] for language in Language}

    def all(self, language: Language) -> tuple[Centre, ...]:
        """Every centre by name."""
        return tuple(sorted((each[language] for each in self._centres.values()), key=lambda centre: centre.name))

    def find(self, id: str, language: Language) -> Centre | None:
        """The centre that events and claims call ``id``; one that was closed may no longer be listed."""
        known = self._centres.get(id)
        return known[language] if known else None

    def nearest(self, place: str, language: Language) -> tuple[CentreDistance, ...]:
        """Every centre, the nearest to ``place`` first; ``place`` as a person writes it, in either script.

        Raises: PlaceUnknown.
        """
        found = self._places.get(_key(place)) if len(place) <= LONGEST_PLACE else None
        if found is None:
            raise PlaceUnknown(self._alike(place[:LONGEST_PLACE]))
        told = (
            CentreDistance(
                each[language], round(distance(found.at, (each[language].latitude, each[language].longitude)), 1)
            )
            for each in self._centres.values()
        )
        return tuple(sorted(told, key=lambda each: (each.kilometres, each.centre.id)))

    def _alike(self, place: str) -> tuple[str, ...]:
        """Names in the script that was written, so that whoever mistyped can choose."""
        georgian = any("\u10a0" <= letter <= "\u10ff" for letter in _key(place))
        names = self._names[Language.KA if georgian else Language.EN]
        by_key = {_key(name): name for name in names}
        return tuple(by_key[key] for key in get_close_matches(_key(place), by_key, n=ALIKE, cutoff=0.7))


def distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Kilometres between two (latitude, longitude) on the sphere: the haversine formula."""
    (a, b), (c, d) = (map(radians, one), map(radians, other))
    across = sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2
    return 2 * EARTH * asin(sqrt(across))


def parse_centres(centres: str, places: str) -> Centres:
    """Read both lists from TOML: ``[[centre]]`` and ``place``, as centres.toml and places.toml here have them.

    Raises: BrokenCentres if one is malformed, an id stands twice, or a name means two places.
    """
    try:
        told = [_centre(table) for table in tomllib.loads(centres)["centre"]]
        known = [_place(table) for table in tomllib.loads(places)["place"]]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BrokenCentres(f"the list of service centres is malformed: {error}") from error
    if not told or len({each[Language.KA].id for each in told}) != len(told):
        raise BrokenCentres("no service centre, or two of one id")
    if len({key for place in known for key in place.keys}) != sum(len(place.keys) for place in known):
        raise BrokenCentres("a name means two places")
    return Centres(told, known)


def _centre(table: Mapping[str, Any]) -> Mapping[Language, Centre]:
    if not _ID.fullmatch(table["id"]):
        raise ValueError(f"no id: {table['id']}")
    latitude, longitude = _at(table)
    return {
        language: Centre(
            id=table["id"],
            name=_words(table["name"])[language],
            address=_words(table["address"])[language],
            place=_words(table["place"])[language],
            latitude=latitude,
            longitude=longitude,
        )
        for language in Language
    }


def _place(table: Mapping[str, Any]) -> _Place:
    names = _words({"ka": table["ka"], "en": table["en"]})
    also = cast("list[str]", table.get("also", []))
    keys = frozenset(_key(form) for name in (*names.values(), *also) for form in _forms(name))
    return _Place(names, keys, _at(table))


def _words(table: Mapping[str, Any]) -> Mapping[Language, str]:
    told = {language: str(table[language.value]).strip() for language in Language}
    if not all(told.values()):
        raise ValueError("a name is empty")
    return told


def _at(table: Mapping[str, Any]) -> tuple[float, float]:
    latitude, longitude = float(table["latitude"]), float(table["longitude"])
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise ValueError(f"nowhere on earth: {latitude}, {longitude}")
    return latitude, longitude


def _forms(name: str) -> Iterator[str]:
    """The name, and for a Georgian one "of" and "in" it: ქუთაისი, ქუთაისის, ქუთაისში."""
    yield name
    if "\u10d0" <= name[-1] <= "\u10f0":
        stem = name[:-1] if name[-1] in "იაე" else name
        yield f"{stem}ის" if stem != name else f"{name}ს"
        yield f"{stem}ში" if name[-1] == "ი" else f"{name}ში"


def _key(written: str) -> str:
    """What two ways of writing a name have in common: script, case, blanks, hyphens, apostrophes and "ქ." aside."""
    name = unicodedata.normalize("NFKC", written).strip().lower()  # Mtavruli capitals become Mkhedruli
    while (bare := _BESIDE_THE_NAME.sub("", name)) != name:
        name = bare
    return "".join(letter for letter in name if letter.isalpha()).replace("q", "k")
