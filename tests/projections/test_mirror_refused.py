"""A mirror whose account may not read stands still and says why, instead of trying for ever; mended, it goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from internal_topic import InternalTopic, position_of, until
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import KafkaConnectionError
from kafka_broker import broker_of_its_own

from consumers.mirror.member import Member, group_of
from consumers.mirror.mirror import Mirror
from projections import partitions
from projections.partitions import PartitionedSource
from projections.schema import MIRROR_DDL
from projections.status import STATUS
from projections.tracking import Place

RIGHTS = """
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
"""
"""Everybody may do everything, but with what is given to somebody only they may."""


@pytest.fixture
def mirror(new_database: Callable[[], str]) -> str:
    conninfo = new_database()
    with psycopg.connect(conninfo) as db:
        for statement in MIRROR_DDL:
            db.execute(statement)
    return conninfo


@contextmanager
def running(mirror: Mirror) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=mirror.run_forever, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def somebodys(kind: ResourceType, name: str) -> ACL:
    return ACL("User:somebody", "*", ACLOperation.READ, ACLPermissionType.ALLOW, ResourcePattern(kind, name))


def test_what_kafka_refuses_stops_the_model_until_it_is_mended(history: Any, mirror: str) -> None:
    with broker_of_its_own(extra=RIGHTS) as broker, psycopg.connect(mirror, autocommit=True) as db:
        topic = InternalTopic(broker.bootstrap, 1)
        half = len(history.events) // 2

        def why() -> str:
            found = partitions.source_of(db, STATUS)
            return "" if found is None else found[1] or ""

        def lift() -> None:
            """Have it try again at once. What it finds then it notes again."""
            partitions.stop(db, Place(STATUS), None)
            time.sleep(0.2)

        with running(Mirror(mirror, [STATUS], topic.client, topic.prefix)):
            topic.send(history.events[:half])
            until(lambda: position_of(mirror, STATUS) == history.events[half - 1].position)
            group = group_of(topic.prefix, STATUS, partitions.database(db))
            for right, said in (
                (somebodys(ResourceType.TOPIC, topic.topic.name), "TopicAuthorizationFailedError"),
                (somebodys(ResourceType.GROUP, group), "GroupAuthorizationFailedError"),
            ):
                topic.admin.create_acls([right])
                until(lambda said=said: said in why(), lift)
                assert why().startswith("Kafka refuses: ")
                assert "docs/running.md" in why()
                topic.admin.delete_acls([right])
            topic.send(history.events[half:])
            until(lambda: position_of(mirror, STATUS) == history.events[-1].position, lift)
            until(lambda: not why())
        topic.close()


class Cut:
    """A client whose broker goes away behind its back."""

    def __init__(self, **_: Any) -> None:
        self.closed = 0

    def partitions_for_topic(self, _name: str) -> set[int]:
        raise KafkaConnectionError("cut")

    def close(self, **_: Any) -> None:
        self.closed += 1


def test_a_member_that_cannot_begin_leaves_no_client_behind(mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Cut] = []
    monkeypatch.setattr("consumers.mirror.member.Consumer", lambda **told: made.append(Cut(**told)) or made[-1])
    source = PartitionedSource("any", uuid4(), 1)
    with psycopg.connect(mirror, autocommit=True) as db, pytest.raises(KafkaConnectionError):
        Member(db, STATUS, lambda: source, {}, "any")
    assert [one.closed for one in made] == [1]
