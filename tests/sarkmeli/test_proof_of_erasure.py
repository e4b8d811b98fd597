"""The proof of erasure: what was said to the office is found in nothing that can be carried away from it, and what was
erased is in none of it for whoever has every key that is left."""

from contextlib import closing
from itertools import product
from urllib.parse import urlsplit

import pytest
from canaries import Told
from canary_attacker import Attacker
from canary_cases import PLOTS, Cases
from canary_expected import SINKS, differing
from canary_finds import Finds
from canary_office import CONTROL
from canary_sinks import Sinks
from running_office import sarkmeli

from sarkmeli.outside import Refused
from sarkmeli.story import AUDITOR

EVERY_PLOT = pytest.param(4, id="4", marks=pytest.mark.timeout(900))
EVERY_PLOT_ERASED_AND_KEPT = pytest.param(8, id="8", marks=pytest.mark.timeout(900))
MANY = pytest.param(100, id="100", marks=[pytest.mark.long, pytest.mark.timeout(3600)])


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


@pytest.mark.parametrize("count", [EVERY_PLOT, MANY])
def test_without_sealing_everything_is_found_wherever_it_can_come(carried, count):
    """The control of all controls: the same cases, the same search, the same office, only without encryption."""
    office, sinks = carried(SARKMELI_TEST_SEALING="off")
    told = Told()
    cases = Cases(office, told).tell(count)
    sinks.plant(CONTROL.values())
    found = sinks.gather("in clear")
    finds = Finds(told, sinks.folder).in_each(found, sinks.laid_out(found))
    assert finds.keys() == SINKS.keys()
    for sink in SINKS:
        assert finds[sink].keys() >= CONTROL.keys(), sink
        assert differing(finds[sink], told, sink, {case.name for case in cases}) == {}, sink


@pytest.mark.parametrize("count", [EVERY_PLOT_ERASED_AND_KEPT, MANY])
def test_what_is_erased_is_gone_from_everything_that_was_ever_carried_away(carried, count):
    office, sinks = carried()
    told = Told()
    cases = Cases(office, told).tell(count)
    sinks.plant(CONTROL.values())
    attacker = Attacker(told)
    carry(sinks, told, attacker, "before")
    assert_reads(attacker, office, cases)

    erased, kept = [case for case in cases if is_to_go(case)], [case for case in cases if not is_to_go(case)]
    assert {case.plot for case in erased} == {case.plot for case in kept} == set(PLOTS)
    shown = {case.name: looked_up(office, case) for case in kept}
    for case in erased:
        erase(office, case)
    assert_reads(attacker, office, cases)  # as long as the epoch lasts, who has yesterday's backup has its keys
    command(office, "keys", "turn", "--at-once")
    carry(sinks, told, attacker, "after")
    assert_reads(attacker, office, kept)

    assert {case.name: looked_up(office, case) for case in kept} == shown
    for case in erased:
        with pytest.raises(Refused, match="WRONG_NUMBER_OR_CODE"):
            looked_up(office, case)
    assert "as they were signed" in command(office, "audit", "verify")
    auditor = {"SARKMELI_STAFF_TOKEN": office.outside()._token(AUDITOR)}
    for named in (kept[0].one.number, erased[0].one.case):
        told_of = command(office, "audit", "replay", named, "--language", "en", **auditor)
        assert "the application was filed" in told_of


def carry(sinks, told, attacker, when):
    """Somebody carries every sink away: nothing stands in it in clear, and in each of them is the control."""
    found = sinks.gather(when)
    laid = sinks.laid_out(found)
    finds = Finds(told, sinks.to).in_each(found, laid)
    assert finds.keys() == SINKS.keys()
    for sink in SINKS:
        assert finds[sink].keys() >= CONTROL.keys(), sink
    leaks = [f"{sink}: {name}: {find}" for sink in finds for name, find in finds[sink].items() if name not in CONTROL]
    assert not leaks, "\n".join(leaks[:40])
    attacker.carries(when, laid)


def assert_reads(attacker, office, cases):
    """With the keys that there are now everything that these cases said can be read in each sink, of now and of any
    earlier day; and of other cases not a word."""
    read = attacker.reads(attacker.keys(office.folder / "keys"))
    assert read
    for when, sink in product({when for when, _ in read}, SINKS):
        names = {case.name for case in cases}
        assert differing(read[when, sink], attacker.told, sink, names) == {}, (when, sink)


def is_to_go(case):
    """Every second of each plot; the plots come up in turn."""
    return int(case.name.removeprefix("case ")) // len(PLOTS) % 2 == 1


SHOWN = frozenset({"number", "state", "missing", "due", "outcome", "registrationState", "activationRefused"})
"""What the holder is shown, of whichever service, that is not new with every answer."""


def looked_up(office, case):
    """What the holder is shown that stays."""
    with closing(office.outside()) as outside:
        answer = outside.ask("Status", number=case.one.number, code=case.one.code)
    return {name: told for name, told in answer.items() if name in SHOWN}


def erase(office, case):
    """As two data protection officers do it."""
    with closing(office.outside()) as outside:
        asking, confirming = (outside._token(f"data-protection-{n}") for n in (1, 2))
    asked = ["erase", case.one.number, "--ground", "DATA_SUBJECT_REQUEST", "--language", "en"]
    assert "another person confirms it" in command(office, *asked, SARKMELI_STAFF_TOKEN=asking)
    assert case.one.case in command(office, *asked, SARKMELI_STAFF_TOKEN=confirming)


def command(office, *arguments, **environment):
    """What a command says that must do well."""
    port = str(urlsplit(office.sandbox).port)
    status, said = sarkmeli(*arguments, "--folder", str(office.folder), SARKMELI_SANDBOX_PORT=port, **environment)
    assert status == 0, said
    return said
