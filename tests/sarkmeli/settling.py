"""What is true of an office once it has come to rest: nothing lost, nothing doubled, read models as a clean rebuild."""

from collections import Counter
from dataclasses import dataclass

from running_office import sarkmeli
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from projections.all import MODELS
from sarkmeli.house import open_house
from sarkmeli.settings import Settings
from sarkmeli.story import Story
from sarkmeli.taxpayer_story import TaxpayerStory

THE_CASES_OWN = [
    "Registered",
    "ConsentGiven",
    "Paid",
    "VideoVerified",
    "ReviewStarted",
    "InformationRequested",
    "InformationProvided",
    "ConclusionPrepared",
    "Decided",
    "DecisionDelivered",
]
MAILED = ["registered", "paid", "information_requested", "decision_ready"]

THE_REGISTRATIONS_OWN = [
    "Registered",
    "MobileConfirmed",
    "EmailConfirmed",
    "ConsentGiven",
    "ConsentGiven",
    "UsernameClarified",
    "VideoVerified",
    "Activated",
    "PasswordChanged",
]


@dataclass(frozen=True)
class Ended:
    """What a story must have left behind: its case's events, its mails, and where it stands."""

    events: list[str]
    mailed: list[str]
    status: str
    outcome: str


ENDS = {
    Story: Ended(THE_CASES_OWN, MAILED, "DELIVERED", "GRANTED"),
    TaxpayerStory: Ended(
        THE_REGISTRATIONS_OWN, ["registration_filed", "activated", "password_changed"], "ACTIVE", "BY_VIDEO"
    ),
}
OWN = {"compatriot.Application.": THE_CASES_OWN, "taxpayer.Registration.": THE_REGISTRATIONS_OWN}
"""A whole case's events, by the beginning of their topics."""


@retry(retry=retry_if_exception_type(AssertionError), wait=wait_fixed(0.05), stop=stop_after_delay(90), reraise=True)
def settled(office):
    """Every notice is sent, and every read model stands at the ledger's end: after a kill that takes a moment."""
    assert office.ask("SELECT kind, gave_up FROM housekeeping.notice WHERE sent_at IS NULL") == []
    last = "(SELECT max(position) FROM ledger.event)"
    assert office.ask(f"SELECT model, position FROM reading.tracking WHERE NOT beside AND position < {last}") == []


@retry(retry=retry_if_exception_type(AssertionError), wait=wait_fixed(0.1), stop=stop_after_delay(120), reraise=True)
def published(office):
    """A checkpoint was: their process pauses, too, when PostgreSQL was away."""
    assert any((office.folder / "checkpoints").glob("*"))


def verified(office):
    """`sarkmeli audit verify`: every published checkpoint holds, every read model is what a clean rebuild would be."""
    assert office.ask("SELECT count(*) FROM reading.quarantine") == [(0,)]
    published(office)
    status, said = sarkmeli("audit", "verify", "--folder", str(office.folder))
    assert (status, said.count("are what the ledger says")) == (0, len(MODELS)), said


def events_of(office):
    """Every event as (command, topic), counted; and each case's own topics, by its stream."""
    counted, stories = Counter(), {}
    with open_house(Settings(folder=office.folder)) as house:
        position = 0
        while batch := house.ledger.reader.read(position, 1000):
            for recorded in batch:
                counted[recorded.event.command, recorded.topic] += 1
                if recorded.topic.startswith(tuple(OWN)):
                    stories.setdefault(recorded.stream, []).append(recorded.topic)
            position = batch[-1].position
    return counted, stories


def told_once(topics):
    """Whether a case, whole or broken off, says nothing more often than a whole one does."""
    whole = next(Counter(f"{start}{name}" for name in own) for start, own in OWN.items() if topics[0].startswith(start))
    return Counter(topics) <= whole


def ended_well(story):
    """What a story says of its end is what it must be, and every mail of it came, once or word for word again."""
    ended = ENDS[type(story)]
    assert story.events == ended.events
    assert (story.status, story.outcome) == (ended.status, ended.outcome)
    mails = [mail["message_id"] for mail in story.outside.mails(story.email) if "code" not in mail["message_id"]]
    assert sorted({each.split(".")[2].split("@")[0] for each in mails}) == sorted(ended.mailed)
    assert len(set(mails)) == len(ended.mailed), "a mail that was sent again is the same mail"
    return len(mails) - len(ended.mailed)
