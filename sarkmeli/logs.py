"""How the office's own lines look: one event a line with its facts, for people or for machines; no personal data."""

from __future__ import annotations

import logging
import sys

import structlog

from sarkmeli.settings import LogFormat, Settings

QUIET = ("httpx", "httpcore", "eventsourcing", "psycopg.pool", "_granian", "granian", "aiosqlite", "asyncio", "PIL")
"""Libraries that are only heard from ``warning`` up."""


def configure(settings: Settings, *, colours: bool | None = None) -> None:
    """Send our lines and the libraries' to standard error, in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(
            fmt="%H:%M:%S" if settings.log_format is LogFormat.CONSOLE else "iso", utc=True
        ),
        structlog.processors.StackInfoRenderer(),
    ]
    end: list[structlog.typing.Processor]
    if settings.log_format is LogFormat.JSON:
        end = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    else:
        wanted = sys.stderr.isatty() if colours is None else colours
        # Plain tracebacks: the rich ones print local variables, and those hold what people told us.
        end = [
            structlog.dev.ConsoleRenderer(
                colors=wanted, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *end]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
