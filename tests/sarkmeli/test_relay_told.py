"""What `sarkmeli relay status` and `watch` say of a relay that does not keep up and of a Kafka that froze."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from kafka_broker import broker_of_its_own
from rich.console import Console

from consumers.kafka_clients import Producer
from consumers.relay.publication import services, topic_name
from consumers.relay.records import Topic
from consumers.relay.topics import Kept, Topics
from housekeeping.relay import Standing
from sarkmeli import watching
from sarkmeli.relaying import trouble
from sarkmeli.settings import Settings


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (Standing("s-relay", 7, None, 0.2, 0, 0.0), None),
        (Standing("s-relay", 7, None, 0.2, 40, 3.0), None),
        (Standing("s-relay", 7, "the topic is gone", 0.2, 40, 3.0), "stands still: the topic is gone"),
        (Standing("s-relay", 7, None, 11.0, 0, 0.0), "no process relays: `sarkmeli relay run`"),
        (Standing("s-relay", None, None, 0.2, 40, 3.0), "has not come as far as Kafka's topics"),
        (Standing("s-relay", 7, None, 0.2, 40, 61.0), "an event has waited for 61 s"),
    ],
)
def test_what_is_wrong_with_a_relay(standing: Standing, said: str | None) -> None:
    told = trouble(standing)
    assert told == said or (told or "").startswith(f"{said}")


class Screen(io.StringIO):
    """What was printed so far, and a wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.grew = threading.Condition()

    def write(self, text: str) -> int:
        with self.grew:
            count = super().write(text)
            self.grew.notify_all()
        return count

    def await_(self, text: str) -> None:
        with self.grew:
            assert self.grew.wait_for(lambda: text in self.getvalue(), 60), self.getvalue()


def test_who_watches_is_told_when_kafka_freezes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(watching, "SILENCE", 0.5)
    monkeypatch.setattr(watching, "ANSWER", 2000)
    screen = Screen()
    with broker_of_its_own() as broker:
        kafka = {"bootstrap_servers": [broker.bootstrap]}
        names = [topic_name("told", service) for service in services()]
        with Topics(kafka, Kept(1)) as topics:
            for name in names:
                topics.make(Topic(name, 1, {}))
        settings = Settings(folder=tmp_path, kafka_bootstrap_servers=broker.bootstrap, kafka_topic_prefix="told")
        console = Console(file=screen, width=200)
        stop = threading.Event()
        told = {"beginning": True, "console": console}
        threading.Thread(target=watching.watch, args=(settings, stop), kwargs=told, daemon=True).start()

        def send(case: str) -> None:
            producer = Producer(**kafka, acks="all")
            headers = [("ce_sequence", b"1"), ("ce_type", b"sarkmeli.compatriot.application.registered.v1")]
            producer.send(names[0], b"{}", case.encode(), headers).get(30)
            producer.close()

        send("before00")
        screen.await_("before00")
        broker.freeze()
        screen.await_("Kafka does not answer")
        broker.thaw()
        screen.await_("Kafka answers again")
        send("after000")
        screen.await_("after000")
        stop.set()
