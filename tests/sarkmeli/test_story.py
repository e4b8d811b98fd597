"""The whole story through the real processes: told as `make demo` tells it, and under kill -9 between its steps."""

import contextlib
import itertools
import random
from collections import Counter

import pytest
from running_office import PARTS, last_json, sarkmeli
from settling import ENDS, THE_CASES_OWN, ended_well, events_of, settled

from sarkmeli.stories import Told, story_of
from sarkmeli.story import Story
from sarkmeli.taxpayer_story import TaxpayerStory


def test_the_demo_starts_an_office_of_its_own_and_ends_with_the_outcome(tmp_path):
    status, said = sarkmeli("demo", "--folder", str(tmp_path / "nothing-runs-here"))
    assert status == 0, said
    told = last_json(said)
    assert list(told) == ["number", "status", "outcome", "events"]
    assert (told["status"], told["outcome"], told["events"]) == ("DELIVERED", "GRANTED", THE_CASES_OWN)
    for number, step in enumerate(Story(outside=None).steps(), 1):
        assert f"{number:>2}  {step.name}" in said


@pytest.mark.parametrize("service", Told)
def test_the_demo_tells_each_services_story_to_an_office_that_runs(shared_office, service):
    status, said = sarkmeli("demo", "--folder", str(shared_office.folder), "--story", service.value)
    assert status == 0, said
    assert shared_office.url in said
    told, ended = last_json(said), ENDS[story_of(service)]
    assert list(told) == ["number", "status", "outcome", "events"]
    assert (told["status"], told["outcome"], told["events"]) == (ended.status, ended.outcome, ended.events)
    for number, step in enumerate(story_of(service)(outside=None).steps(), 1):
        assert f"{number:>2}  {step.name}" in said


@pytest.mark.timeout(900)
def test_the_story_completes_whatever_is_killed_between_its_steps(own_office, record_property):
    """At least 50 kills: three parts, and twice the supervisor, between every two steps. Nothing is doubled or lost."""
    own_office.start()
    with contextlib.closing(own_office.outside(patience=120)) as outside:
        story = Story(outside, language="KA")
        kills = told_between_kills(own_office, story, each=3, supervisor_after=(3, 11))
        assert kills.total() >= 50
        told = judge(own_office, story)
        topics = dict(own_office.ask("SELECT topic, count(*)::int FROM ledger.event GROUP BY topic"))
        assert topics["payments.Payment.Opened"] == topics["payments.Payment.Succeeded"] == 1, topics
        assert (
            topics["videobar.Call.Requested"] == topics["videobar.Call.Claimed"] == topics["videobar.Call.Ended"] == 1
        )
        assert topics["videobar.Call.Connected"] == 2
        assert topics["staff.Reading.PersonalDataRead"] >= 1
    record_property("told", f"{kills.total()} kills between pairs of steps: {dict(kills)}; {told}")


@pytest.mark.timeout(900)
def test_a_taxpayers_story_completes_whatever_is_killed_between_its_steps(own_office, record_property):
    own_office.start()
    with contextlib.closing(own_office.outside(patience=120)) as outside:
        story = TaxpayerStory(outside, language="KA")
        kills = told_between_kills(own_office, story, each=1, supervisor_after=(11,))
        assert set(kills) == {"supervisor", *PARTS}
        told = judge(own_office, story)
        topics = dict(own_office.ask("SELECT topic, count(*)::int FROM ledger.event GROUP BY topic"))
        assert topics["taxpayer.Username.Reserved"] == topics["videobar.Call.Requested"] == 1, topics
        assert "taxpayer.Username.Released" not in topics
    record_property("told", f"{kills.total()} kills between pairs of steps: {dict(kills)}; {told}")


def told_between_kills(office, story, each, supervisor_after):
    """Tell the story; between two steps so many parts are killed, by turns, and the supervisor after those steps."""
    order = itertools.cycle(random.Random(7).sample(PARTS, len(PARTS)))
    kills = Counter()
    *steps, last = story.steps()
    for number, step in enumerate(steps):
        step.do()
        before = kills.total()
        if number in supervisor_after:
            office.stop(9)
            kills["supervisor"] += 1
            office.start()
        while kills.total() < before + each:
            part = next(order)
            kills[part] += office.kill(part)
    last.do()
    return kills


def judge(office, story):
    """Nothing doubled, nothing lost; what there is, in words."""
    settled(office)
    repeated = ended_well(story)
    counted, stories = events_of(office)
    (topics,) = stories.values()
    assert [topic.rpartition(".")[2] for topic in topics] == ENDS[type(story)].events
    notices = [kind for (kind,) in office.ask("SELECT kind FROM housekeeping.notice ORDER BY position")]
    assert notices == ENDS[type(story)].mailed
    assert office.ask("SELECT count(*) FROM reading.quarantine") == [(0,)]
    return f"{counted.total()} events, {repeated} mails repeated"
