"""What `sarkmeli mirror status` says of a mirror that nobody keeps current."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from internal_topic import InternalTopic, member_of, reached
from pydantic import SecretStr

from projections.status import STATUS
from sarkmeli import mirroring
from sarkmeli.settings import Settings


def test_all_is_not_well_while_records_wait_and_nobody_reads_them(
    history: Any,
    kafka: str,
    new_database: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mirror = new_database()
    topic = InternalTopic(kafka, 2)
    settings = Settings(
        kafka_bootstrap_servers=kafka, kafka_topic_prefix=topic.prefix, mirror_database_url=SecretStr(mirror),
        mirror_models=(STATUS.name,),
    )  # fmt: skip

    mirroring.migrate_mirror(settings)

    def told(late: float) -> tuple[bool, bool]:
        """Whether all is well, and whether it is said that the mirror is late, where a record may wait so long."""
        monkeypatch.setattr(mirroring, "LATE", late)
        well = mirroring.show_mirror(settings)
        return well, "records have waited for more than" in capsys.readouterr().out

    half = len(history.events) // 2
    topic.send(history.events[:half])
    with member_of(topic, mirror, STATUS) as member:
        reached(topic, mirror, STATUS, history.events[half - 1].position, member)
    assert told(-3600.0) == (True, False), "whoever has read everything is not late"
    topic.send(history.events[half:])
    assert told(3600.0) == (True, False)
    assert told(-3600.0) == (False, True), "as if an hour had gone"
    topic.close()
