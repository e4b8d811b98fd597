"""The whole story through the real processes: told as `make demo` tells it, and under kill -9 between its steps."""

import itertools
import random

import pytest
from running_office import PARTS, last_json, sarkmeli
from settling import MAILED, THE_CASES_OWN, settled

from sarkmeli.story import Story

ALL = ("supervisor", *PARTS)


def test_the_demo_starts_an_office_of_its_own_and_ends_with_the_outcome(tmp_path):
    status, said = sarkmeli("demo", "--folder", str(tmp_path / "nothing-runs-here"))
    assert status == 0, said
    told = last_json(said)
    assert list(told) == ["number", "status", "outcome", "events"]
    assert (told["status"], told["outcome"], told["events"]) == ("DELIVERED", "GRANTED", THE_CASES_OWN)
    for number, step in enumerate(Story(outside=None).steps(), 1):
        assert f"{number:>2}  {step.name}" in said


def test_the_demo_tells_it_to_an_office_that_runs(shared_office):
    status, said = sarkmeli("demo", "--folder", str(shared_office.folder))
    assert status == 0, said
    assert shared_office.url in said
    assert last_json(said)["events"] == THE_CASES_OWN


@pytest.mark.timeout(900)
def test_the_story_completes_whatever_is_killed_between_its_steps(own_office, record_property):
    """At least 50 kills: three parts, and twice the supervisor, between every two steps. Nothing is doubled or lost."""
    own_office.start()
    outside = own_office.outside(patience=120)
    story = Story(outside, language="KA")
    order = itertools.cycle(random.Random(7).sample(PARTS, len(PARTS)))
    kills = dict.fromkeys(ALL, 0)
    gaps = 0
    steps = story.steps()
    for number, step in enumerate(steps):
        step.do()
        if number + 1 == len(steps):
            break
        before = sum(kills.values())
        if number in (3, 11):
            own_office.stop(9)
            kills["supervisor"] += 1
            own_office.start()
        while sum(kills.values()) < before + 3:
            part = next(order)
            kills[part] += own_office.kill(part)
        gaps += 1
    assert gaps == len(steps) - 1
    assert sum(kills.values()) >= 50
    told = judge(own_office, story)
    outside.close()
    record_property("told", f"{sum(kills.values())} kills between {gaps} pairs of steps: {kills}; {told}")


def judge(office, story):
    """Nothing doubled, nothing lost; what there is, in words."""
    settled(office)
    assert story.events == THE_CASES_OWN
    assert (story.status, story.outcome) == ("DELIVERED", "GRANTED")
    topics = dict(office.ask("SELECT topic, count(*)::int FROM ledger.event GROUP BY topic"))
    for name in THE_CASES_OWN:
        assert topics[f"compatriot.Application.{name}"] == 1, topics
    assert topics["payments.Payment.Opened"] == topics["payments.Payment.Succeeded"] == 1, topics
    assert topics["videobar.Call.Requested"] == topics["videobar.Call.Claimed"] == topics["videobar.Call.Ended"] == 1
    assert topics["videobar.Call.Connected"] == 2
    assert topics["staff.Reading.PersonalDataRead"] >= 1

    notices = [kind for (kind,) in office.ask("SELECT kind FROM housekeeping.notice ORDER BY position")]
    assert notices == MAILED
    mails = [mail["message_id"] for mail in story.outside.mails(story.email) if "code" not in mail["message_id"]]
    assert sorted({each.split(".")[2].split("@")[0] for each in mails}) == sorted(MAILED)
    assert len(set(mails)) == len(MAILED)

    quarantined = office.ask("SELECT count(*) FROM reading.quarantine")
    assert quarantined == [(0,)]
    events = sum(topics.values())
    return f"{events} events, {len(mails) - len(MAILED)} mails repeated"
