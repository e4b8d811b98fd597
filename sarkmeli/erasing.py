"""Erasing a case's personal data from the command line: one person asks, another confirms, and it is carried out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from domain.cases import NUMBER
from domain.erasure import ARTICLE, ErasureNeedsAnother, LegalGround
from domain.number import read_number
from domain.people import Role
from domain.refusals import Refusal
from housekeeping.erasure_requests import Asked
from sarkmeli.house import House, open_house
from sarkmeli.settings import Settings
from sarkmeli.signed_in import signed_in
from texts import Language, language, say, spoken

PATIENCE: Final = 60.0
"""Seconds for which the command waits until everybody has heard of it."""
PAUSE: Final = 0.2


class NotErased(Exception):
    """Nothing was erased, or not everything yet; says why, or what is left to do."""


def erase_case(
    settings: Settings, typed: str, token: str, ground: LegalGround | None, tongue: str, told: Callable[[str], None]
) -> None:
    """Ask for the erasure of the case of this number, or confirm what another person asked for and carry it out.

    Raises: NotErased, NotSignedIn.
    """
    chosen = language(tongue)
    with open_house(settings) as house:
        officer = signed_in(house, token, Role.DATA_PROTECTION, "a data protection officer's")
        number = read_number(typed)
        case = house.office.find(NUMBER, number) if number is not None else None
        if case is None:
            raise NotErased("there is no case of this number")
        if not house.erasures.is_decided(case):
            act = house.office.act(officer, "erase")
            asked = house.erasures.asked(case)
            try:
                if asked is None or asked.by == officer.id:
                    if ground is None and asked is None:
                        raise NotErased(f"nobody has asked for it yet: say --ground, one of {_grounds()}")
                    if ground is None:
                        raise ErasureNeedsAnother
                    asked = house.erasures.ask(act, case, ground)
                    told(_what(house, case, asked, chosen))
                    told(f"another person confirms it, by the same command, until {spoken(asked.until, chosen)}")
                    return
                if ground is None:
                    raise NotErased(
                        f"{_what(house, case, asked, chosen)}\nNothing was erased. To erase it for good, give the "
                        f"command again with the same ground: --ground {asked.ground.value}"
                    )
                told(_what(house, case, asked, chosen))
                house.erasures.confirm(act, case, ground)
            except Refusal as refusal:
                raise NotErased(_said(refusal, chosen)) from None
        _finish(house, case, told)


def resume_erasures(settings: Settings, told: Callable[[str], None]) -> None:
    """Finish every erasure that two persons decided and that was broken off. Raises: NotErased."""
    with open_house(settings) as house:
        for case in house.erasures.unfinished():
            _finish(house, case, told)
        told("no erasure is left half done")


def _what(house: House, case: UUID, asked: Asked, chosen: Language) -> str:
    """What is to be erased, on what ground, and who asked for it when."""
    found = house.erasures.commands.belongings(case)
    return (
        f"asked for by {asked.by} on {spoken(asked.at, chosen)}: {spoken(asked.ground, chosen)}\n"
        f"to be erased: case {case}, persons: {len(found.subjects)}, files: {len(found.files)}, and every word about "
        "them in the case, its calls and its payments"
    )


def _finish(house: House, case: UUID, told: Callable[[str], None]) -> None:
    until = time.monotonic() + PATIENCE
    while not house.erasures.carry_out(case):
        if held_up := house.erasures.held_up(case):
            raise NotErased(
                f"case {case} is not erased to the end: its keys are destroyed, and read models have set it apart. Once"
                f" what ails them is mended: `{'`, `'.join(held_up)}`; the deadlines process then finishes it"
            )
        if time.monotonic() > until:
            raise NotErased(
                f"case {case} is not erased to the end: the read models have not come so far. The deadlines process"
                " finishes it, or `sarkmeli erase --resume`"
            )
        time.sleep(PAUSE)
    told(f"erased. What is left are bare facts, under the case's id: {case}")


def _grounds() -> str:
    return ", ".join(f"{ground.value} (article {ARTICLE[ground]})" for ground in LegalGround)


def _said(refusal: Refusal, chosen: Language) -> str:
    return say(chosen, "refusals", refusal.code, **refusal.facts())
