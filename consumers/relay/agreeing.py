"""Whether progress, topics and ledger still belong together: where the relay goes on from, or why it must not.

Topics that the relay has not written yet are made, and filled from the ledger's beginning while the others wait. One
that is not wanted for a while keeps its place, and is filled from there when it is wanted again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Final
from uuid import UUID

from consumers.relay import halting
from consumers.relay.halting import Halt
from consumers.relay.progress import Progress, Written
from consumers.relay.records import Topic
from consumers.relay.topics import Found, Topics

START: Final = 0
"""The position before the ledger's first event."""


def agreed(progress: Progress | None, wanted: Sequence[Topic], topics: Topics, lineage: UUID) -> Progress:
    """Where to go on from. Topics that are new to us are made. Raises: Halt, kafka.errors.KafkaError."""
    found = topics.find([topic.name for topic in wanted])
    asked = {topic.name for topic in wanted}
    known, left = _now(progress, asked)
    going_on, filled = dict[str, Written](), dict[str, Written]()
    for topic in wanted:
        name, written = topic.name, known.get(topic.name) or left.get(topic.name)
        if written is None:
            filled[name] = Written(_fresh(topic, found.get(name), topics).id, START)
            continue
        unchanged(topic, written, found.get(name))
        (going_on if name in known else filled)[name] = written
    if progress is None:
        return Progress(lineage, START, 0, filled)
    return _from_the_first(progress, progress.position, going_on, filled, _without(left, asked))


def unchanged(topic: Topic, written: Written, found: Found | None) -> None:
    """That a topic is the one that was written into. Raises: Halt."""
    if found is None:
        raise halting.deleted(topic.name)
    if found.id != written.id:
        raise halting.made_anew(topic.name)
    if found.partitions != topic.partitions:
        raise halting.other_partitions(topic.name, found.partitions, topic.partitions)


def replayed(
    progress: Progress | None, wanted: Sequence[Topic], topics: Topics, lineage: UUID, start: int
) -> tuple[Progress, list[str]]:
    """The progress from which every topic that is not as it was left is filled anew, and which these are.

    They must be gone, or empty. Those that are as they were left get nothing twice. Raises: Halt.
    """
    found = topics.find([topic.name for topic in wanted])
    asked = {topic.name for topic in wanted}
    ours = progress if progress is not None and progress.lineage == lineage else None
    known, left = _now(ours, asked)
    going_on, filled, new = dict[str, Written](), dict[str, Written](), dict[str, Written]()
    for topic in wanted:
        there, written = found.get(topic.name), known.get(topic.name) or left.get(topic.name)
        if there is not None and written is not None and there.id == written.id:
            unchanged(topic, written, there)
            (going_on if topic.name in known else filled)[topic.name] = written
        else:
            new[topic.name] = Written(_fresh(topic, there, topics).id, start)
    if not new:
        raise Halt("every topic is as the relay left it, and would be filled twice: delete one first to fill it anew")
    if ours is None:
        return Progress(lineage, start, 0, new), list(new)
    away = _without(left, asked)
    if not going_on and not filled:
        return Progress(lineage, start, 0, new, away), list(new)
    return _from_the_first(ours, min(ours.position, start), going_on, filled | new, away), list(new)


def _now(progress: Progress | None, asked: Set[str]) -> tuple[Mapping[str, Written], Mapping[str, Written]]:
    """What is written of what is wanted, and all that was left: a topic that is not wanted any more with the rest.

    From now on ``position`` says nothing of it; wanted again it begins where it stands now.
    """
    if progress is None:
        return {}, {}
    known = {name: one for name, one in progress.topics.items() if name in asked}
    return known, {**progress.left, **_as_far_as(progress, _without(progress.topics, asked))}


def _from_the_first(
    progress: Progress,
    position: int,
    going_on: Mapping[str, Written],
    filled: Mapping[str, Written],
    left: Mapping[str, Written],
) -> Progress:
    """From ``position`` on, or from where the first of those begins that are filled; the others get nothing twice."""
    position = min([position, *(one.through for one in filled.values())])
    known = _as_far_as(progress, going_on) if filled else going_on
    return replace(progress, position=position, topics={**known, **filled}, left=left)


def _without(topics: Mapping[str, Written], asked: Set[str]) -> dict[str, Written]:
    return {name: one for name, one in topics.items() if name not in asked}


def _fresh(topic: Topic, found: Found | None, topics: Topics) -> Found:
    """A topic in which nothing stands, made if it is not there. Raises: Halt."""
    there = found or topics.make(topic)
    if there.partitions != topic.partitions:
        raise halting.other_partitions(topic.name, there.partitions, topic.partitions)
    if not topics.is_empty(topic.name, topic.partitions):
        raise halting.not_empty(topic.name)
    return there


def _as_far_as(progress: Progress, topics: Mapping[str, Written]) -> dict[str, Written]:
    """These topics, which need nothing that was read up to now."""
    return {name: replace(one, through=max(one.through, progress.position)) for name, one in topics.items()}
