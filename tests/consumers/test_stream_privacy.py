"""Nobody's personal data leave the house, and whoever knows every identifier joins not one record to a person."""

import dataclasses
import hashlib
import json
import re
import uuid
from base64 import urlsafe_b64encode
from dataclasses import replace
from pathlib import Path

import pytest
import stories
from story_records import told_ledger
from stream_attacker import Stream, closed_words, numbers_of_a_space, texts_of

from ledger.codec import Json
from ledger.shape import shape_of
from ledger.topics import event_class

DESCRIBED = json.loads((Path(__file__).parents[2] / "asyncapi.json").read_text())
TIME_OR_SUM = re.compile(r"\d{4}-\d{2}-\d{2}(T.*)?|\d+\.\d{2}")
"""What they do not know, or what many share."""
OFFICES_OWN = {"compatriot", "taxpayer", "KEEP", "SYSTEM"}
"""Names of services, which the topics bear, too."""


@pytest.fixture(scope="module")
def told(standing_database, tmp_path_factory):
    with told_ledger(standing_database, tmp_path_factory.mktemp("told")) as made:
        made.tell([stories.decided_not_received] * 5)  # a fee that fewer paid would be a mark
        yield made


@pytest.fixture(scope="module")
def published(told):
    return told.records()


@pytest.fixture(scope="module")
def opened(told):
    events = told.events()
    return list(zip(events, told.ledger.reader.open_all(events), strict=True))


def stream_of(records):
    return Stream(records, closed_words(DESCRIBED) | OFFICES_OWN)


def personal_texts(opened):
    """Every personal value of every event, down to the last word of a form."""
    found: set[str] = set()
    for recorded, event in opened:
        for name in shape_of(event_class(recorded.topic)).personal:
            found |= set(texts_of(getattr(event, name)))
    return found


def identifiers(told, opened):
    """Every id, number, name and place in the ledger that a record could have been made of; no times."""
    found: set[str | bytes] = set()
    for recorded, event in opened:
        stream, version = recorded.stream, recorded.version
        found |= {str(stream), str(recorded.position), stream.bytes + version.to_bytes(8, "big")}
        found |= {f"{stream}{between}{version}" for between in ("", ":", "/", "-", ".", " ")}
        if recorded.sealed is not None:
            found |= {str(recorded.sealed.key_id), recorded.sealed.ciphertext}
        told_of = {name: value for name, value in vars(event).items() if name not in ("timestamp", "originator_topic")}
        found |= {text for text in texts_of(told_of) if not TIME_OR_SUM.fullmatch(text)}
        found |= {recorded.plain, f"{recorded.topic} {recorded.position}"}
    for story in told.told:
        found.add(str(story.commands.code_of(story.case)))
    return found


def test_every_published_class_with_personal_facts_is_told_of(opened):
    told_of = {recorded.topic for recorded, _ in opened}
    kinds = {one: event_class(one) for one in told_of}
    sealed = {topic for topic, kind in kinds.items() if hasattr(kind, "PUBLIC") and shape_of(kind).personal}
    assert sealed >= {
        "compatriot.Application.Registered",
        "compatriot.Application.ReceptionRefused",
        "compatriot.Application.InformationRequested",
        "compatriot.Application.InformationProvided",
        "compatriot.Application.TermExtended",
        "compatriot.Application.ConclusionPrepared",
        "compatriot.Application.Decided",
        "payments.Payment.Succeeded",
        "payments.Payment.Matched",
        "taxpayer.Registration.Registered",
        "taxpayer.Registration.ActivationLinkSent",
        "taxpayer.Registration.ActivationRefused",
        "videobar.Call.Requested",
        "videobar.Call.Ended",
    }


def test_no_personal_value_leaves_in_any_form(published, opened):
    personal = personal_texts(opened)
    assert len(personal) > 60
    stream = stream_of(published)
    assert stream.holds(personal) == set()
    assert stream.joins(personal) == {}


def test_who_knows_every_identifier_joins_no_record(told, published, opened):
    known = identifiers(told, opened)
    assert len(known) > 1500
    stream = stream_of(published)
    assert len(stream.rare) > 2 * len(told.told)
    assert stream.joins(known) == {}
    assert stream.holds(one for one in known if isinstance(one, str) and not one.isdecimal()) == set()


def test_who_knows_every_number_of_a_small_space_joins_no_record(told, published):
    number = next(story.application.number for story in told.told)
    space = list(numbers_of_a_space(number))
    assert number in space
    assert stream_of(published).joins(space) == {}


WEAK = {
    "the case's own id": lambda case, number: str(case),
    "a name-based UUID": lambda case, number: str(uuid.uuid5(uuid.NAMESPACE_URL, number)),
    "a digest cut to a UUID": lambda case, number: str(
        uuid.UUID(bytes=hashlib.sha256(case.bytes).digest()[:16], version=4)
    ),
    "a digest in hexadecimal": lambda case, number: hashlib.md5(number.encode()).hexdigest(),
    "a digest in base64": lambda case, number: urlsafe_b64encode(hashlib.blake2s(str(case).encode()).digest()).decode(),
    "the number itself": lambda case, number: number,
}


@pytest.mark.parametrize("weak", WEAK)
def test_a_weak_pseudonym_would_be_found_out(told, published, weak):
    one = told.told[0]
    key = WEAK[weak](one.case, one.application.number)
    weakly = stream_of([replace(published[0], key=key.encode()), *published[1:]])
    assert weakly.joins([str(one.case), one.application.number])


def test_records_hold_nothing_but_what_is_listed(published):
    """No time but the hour, no long number, no text that is not of a list."""
    closed = closed_words(DESCRIBED)
    for record in published:
        told = dict(record.headers)
        assert told["ce_time"].endswith(b":00:00Z")
        assert record.timestamp % 3_600_000 == 0
        assert all(_is_closed(value, closed) for value in _values(json.loads(record.value)))


def _values(told: Json):
    for value in told.values() if isinstance(told, dict) else told:
        if isinstance(value, (dict, list)):
            yield from _values(value)
        else:
            yield value


def _is_closed(value, closed):
    return value is None or isinstance(value, bool) or value in closed | {"50.00", "100.00", "GEL"} or abs(value) < 1000


def test_dataclasses_are_walked_to_the_last_word(opened):
    form = next(event.form for _, event in opened if dataclasses.is_dataclass(getattr(event, "form", None)))
    assert form.email in set(texts_of(form))
