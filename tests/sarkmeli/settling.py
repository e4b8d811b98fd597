"""What is true of an office once it has come to rest: nothing lost, nothing doubled, read models as a clean rebuild."""

from collections import Counter

from running_office import sarkmeli
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from projections.all import MODELS
from sarkmeli.house import open_house
from sarkmeli.settings import Settings

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
    """Every event as (command, topic's last words), counted; and each case's own story, by its stream."""
    counted, stories = Counter(), {}
    with open_house(Settings(folder=office.folder)) as house:
        position = 0
        while batch := house.ledger.reader.read(position, 1000):
            for recorded in batch:
                counted[recorded.event.command, recorded.topic] += 1
                if recorded.topic.startswith("compatriot.Application."):
                    stories.setdefault(recorded.stream, []).append(recorded.topic.rpartition(".")[2])
            position = batch[-1].position
    return counted, stories
