"""How the office's own lines look: one event a line with its facts, for people or for machines; no personal data."""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import Any

import structlog

from sarkmeli.failures import told
from sarkmeli.settings import LogFormat, Settings

log = structlog.get_logger("office")

OURS = (
    "api", "checkpoints", "consumers", "deadlines", "domain", "gateways", "housekeeping", "ledger", "notices", "office",
    "projections", "sarkmeli", "texts",
)  # fmt: skip
"""Whose lines the setting of the level is about. Libraries are only heard from ``warning`` up, whatever it says: below
that they tell what passes through them, a frame of a web socket with what a person put into it."""


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
    level = settings.log_level.upper()
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    sys.excepthook = _ended
    threading.excepthook = _thread_ended
    sys.unraisablehook = _not_raised
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def unhandled(_: object, context: dict[str, Any]) -> None:
    """An event loop's handler of errors that nobody awaited: asyncio's own would print tasks with what they hold."""
    error: BaseException | None = context.get("exception")
    log.error("unhandled in the event loop", exc_info=error)


def _ended(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    log.critical("ended by an error", exc_info=(kind, error, traceback))


def _thread_ended(how: threading.ExceptHookArgs) -> None:
    if how.exc_value is not None and not isinstance(how.exc_value, SystemExit):
        name = how.thread.name if how.thread else None
        exc_info = (how.exc_type, how.exc_value, how.exc_traceback)
        log.critical("a thread ended by an error", thread=name, exc_info=exc_info)


def _not_raised(what: sys.UnraisableHookArgs) -> None:
    error = what.exc_value
    log.error("could not be raised", exc_info=(what.exc_type, error, what.exc_traceback) if error else None)
