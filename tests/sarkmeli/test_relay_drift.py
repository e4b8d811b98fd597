"""What `sarkmeli relay status` tells of topics that are kept otherwise than the relay would make them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from kafka.admin import AlterConfigOp, ConfigResource
from relay_house import house_at, until

from consumers.kafka_clients import Admin
from consumers.relay.topics import Kept, Topics
from sarkmeli import relaying
from sarkmeli.kafka import client
from sarkmeli.settings import Settings


def test_the_status_of_the_relay_tells_of_topics_that_were_changed(
    kafka: str, new_database: Callable[[], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house = house_at(new_database(), {"bootstrap_servers": kafka.split(",")})
    settings = Settings(
        folder=tmp_path, database_url=house.conninfo, kafka_bootstrap_servers=kafka, kafka_partitions=2,
        kafka_topic_prefix=f"drift{uuid4().hex[:8]}", kafka_internal=True, kafka_retention_days=400,
    )  # fmt: skip
    with psycopg.connect(house.conninfo, autocommit=True) as db:
        db.execute(
            "INSERT INTO housekeeping.relay (name, holder, beat_at, position)"
            " VALUES ('x', gen_random_uuid(), now() + interval '1 hour', 0)"
        )

    def told(settings: Settings = settings) -> tuple[bool, str]:
        return relaying.show_status(settings), capsys.readouterr().out

    assert told()[0], "topics that are not made yet are nobody's fault"
    names = [topic.name for topic in relaying.wanted(settings)]
    with Topics(client(settings), Kept(1)) as topics:
        for topic in relaying.wanted(settings):
            topics.make(topic)
    well, said = told()
    assert (well, "\ntopic" in said) == (True, False), said
    with closing(Admin(**house.kafka)) as admin:
        changes = {names[0]: ("retention.ms", "1000"), names[2]: ("cleanup.policy", "compact")}
        admin.alter_configs([
            ConfigResource("topic", name, {key: (AlterConfigOp.SET, value)}) for name, (key, value) in changes.items()
        ])  # fmt: skip
        admin.create_partitions({names[1]: 3})
        until(lambda: told()[1].count("\ntopic drift") == 3)
    well, said = told()
    assert not well
    assert f"topic {names[0]}: retention.ms is 1000 and not 34560000000: `kafka-configs.sh --alter" in said
    assert f"topic {names[1]} has 3 partitions and not 2" in said
    assert f"topic {names[2]}: cleanup.policy is compact and not delete" in said
    well, said = told(settings.model_copy(update={"kafka_bootstrap_servers": ""}))
    assert (well, "Kafka was not asked: SARKMELI_KAFKA_BOOTSTRAP_SERVERS is empty" in said) == (True, True), said
