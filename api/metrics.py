"""What the API counts, for Prometheus. Labels are names of ours and never anything that a request said.

Several API processes behind one address count into files of one folder, ``PROMETHEUS_MULTIPROC_DIR``, and whichever is
asked answers for all of them. What is measured rather than counted is the newest that any of them measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from housekeeping.relay import Standing

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The client library's own variable; it is read when the library is imported."""

newest = partial(Gauge, multiprocess_mode="mostrecent")
"""What is measured and not counted."""

REFUSALS: Final = Counter("sarkmeli_refusals", "Refusals answered, by field and code.", ("field", "code"))
REQUESTS: Final = Counter("sarkmeli_graphql_requests", "GraphQL requests by HTTP status.", ("status",))
SECONDS: Final = Histogram("sarkmeli_graphql_seconds", "How long GraphQL requests took.")
LAG: Final = newest("sarkmeli_projection_lag", "Positions that a read model is behind the ledger.", ("model",))
LAG_SECONDS: Final = newest(
    "sarkmeli_projection_lag_seconds",
    "Age of the oldest event that a read model has not followed.",
    ("model",),
)
UNREAD: Final = newest("sarkmeli_bank_notices_unread", "Credit notices of the bank that made no sense so far.")
MIRROR_AWAY: Final = newest("sarkmeli_mirror_away", "1 while the mirror's database cannot be asked, else 0.")
MIRROR_LAG: Final = newest("sarkmeli_mirror_lag", "Positions that a mirrored model is behind the ledger.", ("model",))
MIRROR_LAG_SECONDS: Final = newest(
    "sarkmeli_mirror_lag_seconds", "Age of the oldest event that a mirrored model does not hold.", ("model",)
)
MIRROR_QUARANTINED: Final = newest(
    "sarkmeli_mirror_quarantined", "Streams that a mirrored model has set apart.", ("model",)
)
MIRROR_STOPPED: Final = newest(
    "sarkmeli_mirror_stopped", "1 while a mirrored model stands still until a person mends it, else 0.", ("model",)
)
QUARANTINED: Final = newest("sarkmeli_projection_quarantined", "Streams that a read model has set apart.", ("model",))


_RELAY: Final[Sequence[tuple[str, str, Callable[[Standing], float]]]] = (
    ("lag", "Positions that the relay to Kafka is behind the ledger.", lambda one: one.behind),
    ("lag_seconds", "Age of the oldest event that the relay has not relayed.", lambda one: one.seconds),
    ("silent_seconds", "Since a relay was last heard of.", lambda one: one.silent),
    ("stopped", "1 while it stands still until a person mends what it says, else 0.", lambda one: bool(one.stopped)),
)


class Relays(Collector):
    """How the relays stood when this process last looked.

    No gauges: those keep a name for ever, in the shared folder for longer than the process, and one of a relay that
    has another name now would stand beside it and be silent.
    """

    def __init__(self) -> None:
        self.standings: Sequence[Standing] = ()

    def collect(self) -> Iterable[Metric]:
        """Those that there are."""
        for name, told, value in _RELAY:
            gauge = GaugeMetricFamily(f"sarkmeli_relay_{name}", told, labels=["relay"])
            for one in self.standings:
                gauge.add_metric([one.name], value(one))
            yield gauge


RELAYS: Final = Relays()


def exposition() -> bytes:
    """All that was counted, in Prometheus's text format."""
    registry = REGISTRY
    if FOLDER in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return generate_latest(registry) + generate_latest(RELAYS)
