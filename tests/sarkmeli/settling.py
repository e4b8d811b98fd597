"""What is true of an office once it has come to rest: nothing lost, nothing doubled, read models as a clean rebuild."""

from collections import Counter

import psycopg
from running_office import sarkmeli
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from projections.all import MODELS
from projections.rebuild import rebuild
from projections.rows import table_hash
from projections.tracking import Place
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


def read_models_equal_a_clean_rebuild(office):
    """Compares by hash. The runner must have followed to the end, and nothing may be written meanwhile."""
    assert office.ask("SELECT count(*) FROM reading.quarantine") == [(0,)]
    settings = Settings(folder=office.folder)
    with open_house(settings) as house, psycopg.connect(settings.ledger_conninfo, autocommit=True) as db:
        for model in MODELS:
            served = table_hash(db, Place(model))
            rebuild(settings.ledger_conninfo, house.ledger.reader, model)
            assert table_hash(db, Place(model)) == served, f"{model.title} is not what a rebuild makes of it"


def history_verifies(office):
    """`sarkmeli audit verify`: every published checkpoint holds for the ledger as it is."""
    status, said = sarkmeli("audit", "verify", "--folder", str(office.folder))
    assert status == 0, said


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
