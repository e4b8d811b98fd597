"""What is wrong with how a PostgreSQL of one's own is set: nothing that stops the office, all that one should know."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

_ASKED = (
    "log_statement", "log_min_duration_statement", "log_min_duration_sample", "log_parameter_max_length",
    "log_parameter_max_length_on_error", "auto_explain.log_min_duration", "auto_explain.log_parameter_max_length",
    "fsync", "full_page_writes",
)  # fmt: skip
_SETTINGS = "SELECT name, current_setting(name, true) FROM unnest(%s::text[]) AS name"
_NEVER = (None, "-1")


def remarks(conninfo: str) -> Iterator[str]:
    """A sentence for each setting that a person should think about again.

    Values reach PostgreSQL sealed or as keyed digests only, so no log of its can show what a person told us. But a
    log that keeps parameters keeps wrapped keys as well, and must then go as soon as a backup of the key store must.
    """
    with psycopg.connect(conninfo) as db:
        known: dict[str, str | None] = dict(db.execute(_SETTINGS, (list(_ASKED),)).fetchall())
        encrypted = db.pgconn.ssl_in_use
        host = db.info.host
    slow = known["log_min_duration_statement"] not in _NEVER or known["log_min_duration_sample"] not in _NEVER
    if known["log_parameter_max_length"] != "0" and (known["log_statement"] != "none" or slow):
        yield _kept("log_parameter_max_length")
    if known["log_parameter_max_length_on_error"] != "0":
        yield _kept("log_parameter_max_length_on_error")
    explained = known["auto_explain.log_min_duration"] not in _NEVER
    if explained and known["auto_explain.log_parameter_max_length"] != "0":
        yield _kept("auto_explain.log_parameter_max_length")
    for name in ("fsync", "full_page_writes"):
        if known[name] != "on":
            yield f"{name} is off: a power cut may tear the ledger"
    if not encrypted and not host.startswith("/") and host not in ("localhost", "127.0.0.1", "::1"):
        yield "the way to the server is not encrypted: add sslmode=verify-full to its address"


def _kept(setting: str) -> str:
    return f"the server's log keeps the values of statements, wrapped keys among them: set {setting} to 0"
