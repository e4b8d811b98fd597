"""What `sarkmeli migrate` applies for housekeeping, in order. Every statement is repeatable."""

from __future__ import annotations

from housekeeping import (
    drafts,
    erasure_requests,
    followers,
    hourly,
    left_over,
    links,
    notices,
    one_time_codes,
    passwords,
    presence,
    publication,
    relay,
    sessions,
    sign_ins,
    statement,
    taxpayer_sessions,
    tries,
    uploads,
)
from housekeeping.pool import SCHEMA_DDL

HOUSEKEEPING_DDL: tuple[str, ...] = (
    SCHEMA_DDL,
    drafts.DDL,
    uploads.DDL,
    tries.DDL,
    sign_ins.DDL,
    sessions.DDL,
    one_time_codes.DDL,
    followers.DDL,
    notices.DDL,
    presence.DDL,
    relay.DDL,
    statement.DDL,
    erasure_requests.DDL,
    passwords.DDL,
    hourly.DDL,
    links.DDL,
    taxpayer_sessions.DDL,
    left_over.DDL,
    publication.DDL,
)
