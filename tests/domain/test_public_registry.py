"""Who may act for a legal person: whom the registry shows, and nobody when it is silent or the person is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.taxpayer.registry import Entry, PublicRegistryUnavailable, representatives

ENTRY = Entry("404123450", "შპს ივერია", ("01008012345",), "office@iveria.example.org")


class Registry:
    def __init__(self, entry: Entry | None) -> None:
        self.entry = entry

    def find(self, identification: str) -> Entry | None:
        assert identification == ENTRY.identification
        return self.entry


class Down:
    def find(self, identification: str) -> Entry | None:
        raise PublicRegistryUnavailable


@pytest.mark.parametrize(
    ("entry", "expected"),
    [(ENTRY, ("01008012345",)), (replace(ENTRY, struck_off=True), ()), (None, ())],
    ids=["registered", "struck off", "unknown"],
)
def test_whom_the_registry_shows_may_act(entry: Entry | None, expected: tuple[str, ...]) -> None:
    assert representatives(Registry(entry), ENTRY.identification) == expected


def test_a_registry_that_does_not_answer_shows_nobody() -> None:
    with pytest.raises(PublicRegistryUnavailable):
        Down().find(ENTRY.identification)
    assert representatives(Down(), ENTRY.identification) is None
