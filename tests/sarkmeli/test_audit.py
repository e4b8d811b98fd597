"""The audit commands, beside an office that runs: the ledger is verified and proven, a case is read on record."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from running_office import sarkmeli
from tenacity import retry, stop_after_delay, wait_fixed

from domain.people import Role
from sarkmeli.story import AUDITOR, OFFICER, Story
from texts import word
from texts.sentences import sentences


@pytest.fixture(scope="module")
def told(shared_office):
    """A case that is paid, and the moment before it was."""
    story = Story(shared_office.outside())
    steps = {step.name: step for step in story.steps()}
    for name in list(steps)[:6]:
        steps[name].do()
    before = datetime.now(UTC)
    steps["the fee is paid by card"].do()
    steps["the office says that it was paid"].do()
    return story, before


def audit(office, *arguments, **environment):
    port = str(urlsplit(office.sandbox).port)
    return sarkmeli("audit", *arguments, "--folder", str(office.folder), SARKMELI_SANDBOX_PORT=port, **environment)


def readings(office):
    return office.ask("SELECT count(*) FROM ledger.event WHERE topic = 'staff.Reading.PersonalDataRead'")[0][0]


def test_the_running_office_publishes_and_what_it_published_is_verified_and_proven(shared_office, told):
    @retry(stop=stop_after_delay(60), wait=wait_fixed(0.5))
    def published():
        status, said = audit(shared_office, "verify")
        assert status == 0, said
        return said

    assert "as they were signed" in published()
    sizes = sorted(int(file.name[:20]) for file in (shared_office.folder / "checkpoints").glob("*.checkpoint"))
    status, said = audit(shared_office, "prove", "--position", "1")
    assert status == 0, said
    assert (json.loads(said)["index"], json.loads(said)["position"]) == (0, 1)
    status, said = audit(shared_office, "prove", "--from", str(sizes[0]), "--to", str(sizes[-1]))
    assert status == 0, said
    for wrong in (
        ["--position", "99999999"],
        ["--from", "1"],
        [],
        ["--position", "1", "--key", "nobody+00000000+AQ=="],
    ):
        status, said = audit(shared_office, "prove", *wrong)
        assert (status, "Traceback" in said) == (1, False), said
    status, said = audit(shared_office, "verify", SARKMELI_CHECKPOINT_FOLDER=str(shared_office.folder / "nowhere"))
    assert (status, "is not in the folder" in said) == (1, True), said


def test_an_auditor_reads_a_case_in_plain_words_and_that_is_on_record(shared_office, told):
    story, before = told
    token = shared_office.outside()._token(AUDITOR)
    had = readings(shared_office)
    status, said = audit(shared_office, "replay", story.number, "--language", "en", SARKMELI_STAFF_TOKEN=token)
    assert status == 0, said
    order = ("the application was filed", "awaits payment and video call", "card order 1", "the fee is there: ",
             "state: awaits the video call", "State now: awaits the video call", "Missing: the video call")  # fmt: skip
    places = [said.index(words) for words in order]
    assert places == sorted(places), said
    assert readings(shared_office) == had + 1
    assert story.code not in said
    status, said = audit(
        shared_office, "replay", story.number, "--as-of", before.isoformat(), SARKMELI_STAFF_TOKEN=token
    )
    assert status == 0, said
    assert f"მდგომარეობა მაშინ: {word('ka', 'AWAITING_PAYMENT_AND_VIDEO')}" in said
    assert "საფასური გადახდილია" not in said
    long_ago = (before - timedelta(days=1)).isoformat()
    status, said = audit(shared_office, "replay", story.number, "--as-of", long_ago, SARKMELI_STAFF_TOKEN=token)
    assert (status, said.strip()) == (0, sentences("ka", "events")["nothing"])
    assert readings(shared_office) == had + 3


def test_nobody_else_reads_it(shared_office, told):
    story, _ = told
    outside, had = shared_office.outside(), readings(shared_office)
    auditor = outside._token(AUDITOR)
    refused = [(outside._token(OFFICER), story.number), ("x.y.z", story.number), ("", story.number), (auditor, "1"),
               (auditor[:-8] + "AAAAAAAA", story.number)]  # fmt: skip
    for token, number in refused:
        status, said = audit(shared_office, "replay", number, SARKMELI_STAFF_TOKEN=token)
        assert status != 0
        assert "Traceback" not in said, said
        assert "განცხადება" not in said
    status, said = audit(shared_office, "replay", story.number, "--as-of", "then", SARKMELI_STAFF_TOKEN=auditor)
    assert (status, "a time is written as" in said) == (1, True)
    status, said = audit(shared_office, "replay", story.number, "--language", "fr", SARKMELI_STAFF_TOKEN=auditor)
    assert (status, "'fr' is not one of 'ka', 'en'" in said) == (2, True), said
    assert readings(shared_office) == had


@pytest.mark.parametrize("language", ["ka", "en"])
def test_every_event_of_a_case_and_every_role_has_its_words(language):
    from domain.compatriot.application import Application
    from domain.event import Root
    from domain.payments.payment import Payment
    from domain.taxpayer.registration import Registration
    from domain.taxpayer.username import Username
    from domain.videobar.call import Call

    topics = {
        kind.TOPIC
        for aggregate in (Application, Payment, Call, Registration, Username)
        for base in aggregate.__mro__
        for kind in vars(base).values()
        if isinstance(kind, type) and issubclass(kind, Root.Event) and hasattr(kind, "TOPIC")
    }
    assert len(topics) > 35
    assert topics == {key for key in sentences(language, "events") if "." in key}
    assert all(word(language, role.value) != role.value or language == "en" for role in Role)
