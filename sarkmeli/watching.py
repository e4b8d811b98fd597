"""`sarkmeli relay watch`: the public stream as it comes, in plain words."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final, cast

from kafka.errors import KafkaError
from rich.console import Console
from rich.text import Text

from consumers.kafka_clients import Consumer
from consumers.relay.publication import services, topic_name
from domain.calendar import TBILISI
from sarkmeli.kafka import client
from sarkmeli.settings import Settings

COLOURS: Final = ("cyan", "green", "yellow", "magenta", "blue", "red")
"""A case keeps its own."""

SILENCE: Final = 10.0
"""Seconds without a record, after which Kafka is asked whether it is still there."""

ANSWER: Final = 5000
"""Milliseconds in which it should answer."""

UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def watch(settings: Settings, stop: threading.Event, *, beginning: bool, console: Console) -> None:
    """Print every record of the public topics until ``stop`` is set. Raises: NoKafka, kafka.errors.KafkaError."""
    topics = [topic_name(settings.kafka_topic_prefix, service) for service in services()]
    console.print(f"watching {', '.join(topics)}; Ctrl-C ends it", style="dim", soft_wrap=True)
    consumer = Consumer(
        *topics,
        **client(settings),
        isolation_level="read_committed",
        auto_offset_reset="earliest" if beginning else "latest",
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        group_id=None,
    )
    with closing(consumer):
        for record in _records(consumer, stop, lambda said: console.print(said, style="dim", soft_wrap=True)):
            console.print(line(record), soft_wrap=True)


def _records(consumer: Any, stop: threading.Event, say: Callable[[str], None]) -> Iterator[Any]:
    heard, answers = monotonic(), True
    while not stop.is_set():
        for found in consumer.poll(timeout_ms=500).values():
            heard, answers = monotonic(), True
            yield from found
        if monotonic() - heard >= SILENCE:
            if answers != (answers := _answers(consumer)):
                say("Kafka answers again" if answers else "Kafka does not answer: waiting until it does")
            heard = monotonic()


def _answers(consumer: Any) -> bool:
    """Whether the partitions' leaders are there: a client that only polls never learns that they froze."""
    try:
        consumer.end_offsets(consumer.assignment(), timeout_ms=ANSWER)
    except KafkaError:
        return False
    return True


def line(record: Any) -> Text:
    """One record in plain words: its hour in Tbilisi, case, place in the case, what happened, what is told of it."""
    told = {name: value.decode() for name, value in record.headers}
    case = record.key.decode()[:8]
    hour = datetime.fromtimestamp(record.timestamp / 1000, UTC).astimezone(TBILISI)
    said = Text(f"{hour:%Y-%m-%d %H}:00  ", style="dim")
    said.append(case, style=COLOURS[sum(case.encode()) % len(COLOURS)])
    if record.value is None:
        said.append("  forgotten", style="bold")
        said.append("  whoever holds records of this case deletes them", style="dim")
        return said
    said.append(f"  {told['ce_sequence']:>3}  ", style="dim")
    said.append(what(told["ce_type"]), style="bold")
    if "ce_elapsed" in told:
        said.append(f"  {after(int(told['ce_elapsed']))} later", style="dim")
    if facts := words(json.loads(record.value)):
        said.append(f"  {facts}")
    return said


def what(kind: str) -> str:
    """``sarkmeli.videobar.call.broken_off.v1`` as "call broken off"."""
    *_, aggregate, event, _version = kind.split(".")
    return f"{aggregate} {event}".replace("_", " ")


def after(seconds: int) -> str:
    """The two greatest units of a length of time."""
    said: list[str] = []
    for size, name in UNITS:
        count, seconds = divmod(seconds, size)
        if count or (said and len(said) < 2):
            said.append(f"{count} {name}")
    return " ".join(said[:2]) or "0 s"


def words(value: Any, within: str = "") -> str:
    """The facts of a record, each by its name."""
    if isinstance(value, dict):
        known = cast(dict[str, Any], value)
        parts = (words(inner, f"{within} {name}".strip()) for name, inner in known.items())
        return ", ".join(part for part in parts if part)
    if isinstance(value, list):
        items = cast(list[Any], value)
        return f"{within}: {'/'.join(map(str, items))}".replace("_", " ") if items else ""
    return "" if value is None else f"{within.replace('_', ' ')}: {value}"
