"""The broker's stand-in: what is handed to Kafka's own tools."""

from __future__ import annotations

from uuid import UUID

import pytest

from sandbox.kafka import broker


def test_a_clusters_id_never_reads_as_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """One in 64 draws begins with a hyphen; Kafka's tool then says that its argument is missing."""
    drawn = iter([UUID(int=62 << 122), UUID(int=62 << 122), UUID(int=1)])
    monkeypatch.setattr(broker, "uuid4", lambda: next(drawn))
    assert broker.cluster_id() == "A" * 21 + "Q"
