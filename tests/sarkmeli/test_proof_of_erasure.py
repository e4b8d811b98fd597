"""The proof of erasure: what was said to the office is found in nothing that can be carried away from it, and what was
erased is in none of it for whoever has every key that is left."""

import pytest
from canaries import Told
from canary_attacker import Attacker
from canary_cases import Cases
from canary_expected import SINKS, by_case, expected
from canary_finds import Finds
from canary_office import CONTROL
from canary_sinks import Sinks

HOW_MANY = [
    pytest.param(6, id="6", marks=pytest.mark.timeout(900)),
    pytest.param(100, id="100", marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
]


@pytest.fixture
def carried(watched, office_folder):
    """Starts an office and makes ready to carry away what it leaves anywhere."""
    made = []

    def start(**environment):
        temporary = office_folder.parent / "temporary"
        temporary.mkdir()
        office = watched(TMPDIR=str(temporary), **environment)
        made.append(Sinks(office, office_folder.parent / "carried", temporary))
        return office, made[0]

    yield start
    for sinks in made:
        sinks.close()


@pytest.mark.parametrize("count", HOW_MANY)
def test_without_sealing_everything_is_found_wherever_it_can_come(carried, count):
    """The control of all controls: the same cases, the same search, the same office, only without encryption."""
    office, sinks = carried(SARKMELI_TEST_SEALING="off")
    told = Told()
    Cases(office, told).tell(count)
    sinks.plant(CONTROL.values())
    found = sinks.gather("in clear")
    finds = Finds(told, sinks.folder).in_each(found, sinks.laid_out(found))
    assert finds.keys() == SINKS.keys()
    for sink in SINKS:
        assert finds[sink].keys() >= CONTROL.keys(), sink
        assert by_case(finds[sink]) == expected(told, sink), sink


@pytest.mark.parametrize("count", HOW_MANY)
def test_what_is_erased_is_gone_from_everything_that_was_ever_carried_away(carried, count):
    office, sinks = carried()
    told = Told()
    Cases(office, told).tell(count)
    sinks.plant(CONTROL.values())
    found = sinks.gather("before")
    laid = sinks.laid_out(found)
    assert_nothing_in_clear(Finds(told, sinks.folder).in_each(found, laid), told)

    attacker = Attacker(told)
    attacker.carries("before", laid)
    read = attacker.reads(attacker.keys(office.folder / "keys"))
    for sink in SINKS:
        assert by_case(read["before", sink]) == expected(told, sink), sink


def assert_nothing_in_clear(finds, told):
    """Of all that was told, nothing in any sink; in each of them, the control."""
    assert finds.keys() == SINKS.keys()
    for sink in SINKS:
        assert finds[sink].keys() >= CONTROL.keys(), sink
    leaks = [f"{sink}: {name}: {find}" for sink in finds for name, find in finds[sink].items() if name not in CONTROL]
    assert not leaks, "\n".join(leaks[:40])
