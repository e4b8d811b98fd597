"""On what grounds the status may be asked for, and what the declared citizenships say to them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from domain.compatriot.countries import GEORGIA
from domain.compatriot.form import Grounds
from domain.faults import Fault, FaultCode


def grounds_faults(grounds: Grounds, citizenships: Collection[str]) -> Iterator[Fault]:
    """A citizen of Georgia living abroad, or a citizen of another state with at least one of the two boxes.

    How long is "long" abroad is the officer's judgement, so no number is asked. Who is a citizen of both may ask on
    either ground. Source: the agency's published conditions, "ვის შეიძლება მიენიჭოს", 1 and 2 ("ან/და": and/or).
    """
    of_another_state = grounds.origin or grounds.mother_tongue
    if not grounds.citizen_abroad and not of_another_state:
        yield Fault("grounds", FaultCode.GROUNDS_MISSING)
    if grounds.citizen_abroad and of_another_state:
        yield Fault("grounds", FaultCode.GROUNDS_EXCLUDE_EACH_OTHER)
    if grounds.citizen_abroad and GEORGIA not in citizenships:
        yield Fault("grounds.citizenAbroad", FaultCode.NOT_A_CITIZEN_OF_GEORGIA)
    if of_another_state and not set(citizenships) - {GEORGIA}:
        yield Fault("grounds", FaultCode.NOT_A_CITIZEN_OF_ANOTHER_STATE)
