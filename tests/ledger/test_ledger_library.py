"""The library's own tests of a persistence module, on ours and on real PostgreSQL."""

from __future__ import annotations

import sys
from threading import Thread

import eventsourcing.cryptography
import pytest
from eventsourcing.application import Application
from eventsourcing.cryptography import AESCipher
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    ProcessRecorder,
    StoredEvent,
    TrackingRecorder,
)
from eventsourcing.utils import Environment
from ledger_house import House, plain_environment
from psycopg.conninfo import conninfo_to_dict

import ledger
from ledger.connecting import UnsafeDurability

# The library's test module imports the cipher that needs another package; this is the same one on `cryptography`.
sys.modules.setdefault("eventsourcing.cipher", eventsourcing.cryptography)
from eventsourcing.tests.persistence import (  # noqa: E402
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
    ProcessRecorderTestCase,
    TrackingRecorderTestCase,
)


class OnOurs:
    @pytest.fixture(autouse=True)
    def _on(self, house: House):
        self.factory: ledger.Factory = InfrastructureFactory.construct(Environment("app", plain_environment(house)))
        yield
        self.factory.close()


class TestApplicationRecorder(OnOurs, ApplicationRecorderTestCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.factory.application_recorder()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()

    def test_subscription_passes_what_it_filters_out_and_stops_from_another_thread(self) -> None:
        recorder = self.create_recorder()
        stream = self.new_originator_id()
        recorder.insert_events([StoredEvent(stream, version, "some", b"{}") for version in (1, 2, 3)])
        with recorder.subscribe(gt=0, topics=["none"]) as subscription:
            heard: list[object] = []
            thread = Thread(target=lambda: heard.extend(subscription))
            thread.start()
            while subscription._after < 3:
                thread.join(0.001)
            subscription.stop()
            thread.join()
            assert heard == []


class TestNonInterleaving(OnOurs, NonInterleavingNotificationIDsBaseCase):
    insert_num = 1000

    def create_recorder(self) -> ApplicationRecorder:
        return self.factory.application_recorder()


class TestTracking(OnOurs, TrackingRecorderTestCase):
    def create_recorder(self) -> TrackingRecorder:
        return self.factory.tracking_recorder()


class TestProcess(OnOurs, ProcessRecorderTestCase):
    def create_recorder(self) -> ProcessRecorder:
        return self.factory.process_recorder()


class Dog(Aggregate):
    @event("Registered")
    def __init__(self, name: str) -> None:
        self.name = name
        self.tricks: list[str] = []

    @event("TrickAdded")
    def add_trick(self, trick: str) -> None:
        self.tricks.append(trick)


def test_any_application_keeps_its_events_here_without_keys(house: House) -> None:
    class Kennel(Application):
        env = {**plain_environment(house), "IS_SNAPSHOTTING_ENABLED": "y"}

    with Kennel() as kennel:
        dog = Dog("Fido")
        dog.add_trick("roll over")
        kennel.save(dog)
        kennel.take_snapshot(dog.id)
        dog.add_trick("play dead")
        kennel.save(dog)
        assert kennel.repository.get(dog.id).tricks == ["roll over", "play dead"]
        assert [n.id for n in kennel.notification_log.select(start=1, limit=10)] == [1, 2, 3]


@pytest.mark.parametrize(
    "setting",
    [
        {"CIPHER_KEY": AESCipher.create_key(16)},
        {"CIPHER_TOPIC": "eventsourcing.cryptography:AESCipher"},
        {"COMPRESSOR_TOPIC": "zlib"},
        {"POSTGRES_SCHEMA": "public"},
        {"ORIGINATOR_ID_TYPE": "text"},
        {"LEDGER_KEY_FOLDER": "keys"},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_refuses_settings_that_would_break_its_promises(house: House, setting: dict[str, str]) -> None:
    with pytest.raises(OSError):
        ledger.Factory({**plain_environment(house), **setting})


def test_refuses_a_database_that_answers_before_a_commit_is_on_disk(house: House) -> None:
    name = conninfo_to_dict(house.ledger_conninfo)["dbname"]
    house.ask(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    with pytest.raises(UnsafeDurability):
        ledger.Factory(plain_environment(house))
    with pytest.raises(UnsafeDurability):
        house.open()


def test_keeps_no_snapshots_beside_sealed_events(house: House) -> None:
    house.open()
    with pytest.raises(OSError):
        house.office(IS_SNAPSHOTTING_ENABLED="y")


def test_makes_no_table_when_told_not_to(house: House) -> None:
    house.ask("DROP SCHEMA ledger CASCADE")
    factory = ledger.Factory({**plain_environment(house), "CREATE_TABLE": "no"})
    factory.application_recorder()
    factory.close()
    assert house.ask("SELECT to_regnamespace('ledger') IS NULL") == [(True,)]
