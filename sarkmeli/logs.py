"""How the office's own lines look: one event a line with its facts, for people or for machines; no personal data."""

from __future__ import annotations

import logging
import sys
import traceback

import psycopg
import structlog

from sarkmeli.settings import LogFormat, Settings

QUIET = ("httpx", "httpcore", "eventsourcing", "psycopg.pool", "_granian", "granian", "aiosqlite", "asyncio", "PIL")
"""Libraries that are only heard from ``warning`` up."""


SPEAKS = (OSError, ImportError, AttributeError, NameError, psycopg.OperationalError, psycopg.ProgrammingError)
"""Errors whose own words cannot hold what a person told us. Others are logged by kind and place only."""


def told(exc_info: structlog.typing.ExcInfo) -> str:
    """Where an error arose and of what kind it and its causes are: a message such as "invalid: 'Nino'" stays unsaid."""
    lines: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        lines += traceback.format_tb(error.__traceback__)
        lines.append(type(error).__qualname__ + (f": {error}" if isinstance(error, SPEAKS) else "") + "\n")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        lines += ["caused by\n"] if error is not None else []
    return "".join(lines).rstrip()


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
        structlog.processors.ExceptionRenderer(told),
    ]
    end: list[structlog.typing.Processor]
    if settings.log_format is LogFormat.JSON:
        end = [structlog.processors.JSONRenderer()]
    else:
        wanted = sys.stderr.isatty() if colours is None else colours
        end = [structlog.dev.ConsoleRenderer(colors=wanted, pad_event_to=0)]
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
