"""A real Kafka for tests: the one that ``KAFKA_BOOTSTRAP_SERVERS`` names, else a broker of our own, else a skip."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.kafka.broker import Broker
from sandbox.kafka.jars import NoBroker


@contextmanager
def broker_of_its_own(**how: object) -> Iterator[Broker]:
    """A broker that a test may kill, freeze and start again; skips, saying why, where there can be none."""
    with tempfile.TemporaryDirectory(prefix="sk-kafka-") as folder:
        try:
            broker = Broker(Path(folder), **how)  # pyright: ignore
        except NoBroker as missing:
            pytest.skip(f"Kafka: {missing}")
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()


@contextmanager
def bootstrap_servers() -> Iterator[str]:
    """Addresses of a broker that a test shares with others and leaves alone."""
    if told := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield told
        return
    with broker_of_its_own() as broker:
        yield broker.bootstrap
