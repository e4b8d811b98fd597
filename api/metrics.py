"""What the API counts, for Prometheus. Labels are names of ours and never anything that a request said.

Several API processes behind one address count into files of one folder, ``PROMETHEUS_MULTIPROC_DIR``, and whichever is
asked answers for all of them. What is measured rather than counted is the newest that any of them measured.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

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
RELAY_LAG: Final = newest("sarkmeli_relay_lag", "Positions that the relay to Kafka is behind the ledger.", ("relay",))
RELAY_LAG_SECONDS: Final = newest(
    "sarkmeli_relay_lag_seconds", "Age of the oldest event that the relay has not relayed.", ("relay",)
)
RELAY_SILENT: Final = newest("sarkmeli_relay_silent_seconds", "Since a relay was last heard of.", ("relay",))
RELAY_STOPPED: Final = newest(
    "sarkmeli_relay_stopped", "1 while the relay stands still until a person mends what it says, else 0.", ("relay",)
)
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


def exposition() -> bytes:
    """All that was counted, in Prometheus's text format."""
    if FOLDER not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return generate_latest(registry)
