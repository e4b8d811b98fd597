"""kill -9 of every part at any moment, under load: no acknowledged command is lost, none is done twice."""

import os
import random
import time
from collections import Counter

import pytest
from crash_load import PROXY, Load, judge, told

WEIGHTS = {"api": 4, "api-2": 4, "runner": 3, "notices": 3, "deadlines": 2, "checkpoints": 2, "postgres": 4}


def crash(office, kills, clients, record_property):
    seed = int(os.environ.get("SARKMELI_CRASH_SEED") or random.SystemRandom().randrange(2**32))
    print(f"SARKMELI_CRASH_SEED={seed}")  # noqa: T201 - shown when it fails; record_property shows it when it does not
    chance = random.Random(seed)
    counted = Counter()
    office.environment |= PROXY
    office.start()
    with Load(office, clients) as journal:
        while counted.total() < kills:
            journal.wait_for_more(len(journal.acknowledged) + chance.choice((-1, -1, 0, 1)))
            time.sleep(chance.uniform(0, 0.3))  # into the middle of whatever is under way
            missing = [part for part in WEIGHTS if not counted[part]]  # each at least once
            part = chance.choice(missing) if missing else chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            counted[part] += office.kill(part)
    record_property("told", told(journal, counted, seed))
    judge(office, journal)


@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_whatever_is_killed(own_office, record_property):
    crash(own_office, 12, 2, record_property)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nothing_is_lost_or_doubled_in_two_hundred_kills(own_office, record_property):
    crash(own_office, 200, 4, record_property)
