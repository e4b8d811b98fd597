"""What the API counts, for Prometheus. Labels are names of ours and never anything that a request said."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

REFUSALS: Final = Counter("sarkmeli_refusals", "Refusals answered, by field and code.", ("field", "code"))
REQUESTS: Final = Counter("sarkmeli_graphql_requests", "GraphQL requests by HTTP status.", ("status",))
SECONDS: Final = Histogram("sarkmeli_graphql_seconds", "How long GraphQL requests took.")
LAG: Final = Gauge("sarkmeli_projection_lag", "Positions that a read model is behind the ledger.", ("model",))
LAG_SECONDS: Final = Gauge(
    "sarkmeli_projection_lag_seconds", "Age of the oldest event that a read model has not followed.", ("model",)
)
UNREAD: Final = Gauge("sarkmeli_bank_notices_unread", "Credit notices of the bank that made no sense so far.")
QUARANTINED: Final = Gauge("sarkmeli_projection_quarantined", "Streams that a read model has set apart.", ("model",))
