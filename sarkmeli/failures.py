"""How an error is told where anybody may read it: kind and place, and its words only if they are nobody's data."""

from __future__ import annotations

import traceback
from functools import cache

import psycopg
import structlog


@cache
def speaking() -> tuple[type[BaseException], ...]:
    """Errors whose own words cannot hold what a person told us. Others are logged by kind and place only.

    Ours are those whose words name the remedy; imported when first asked for, as a process may need none of them.
    """
    from housekeeping.followers import FollowerLost
    from ledger.recorded import Undecodable
    from ledger.signer import OtherHistory
    from projections.tracking import LineageMismatch

    ours = (FollowerLost, LineageMismatch, OtherHistory, Undecodable)
    return (OSError, ImportError, AttributeError, NameError, psycopg.OperationalError, psycopg.ProgrammingError, *ours)


def told(exc_info: structlog.typing.ExcInfo) -> str:
    """Where an error arose and of what kind it and its causes are: a message such as "invalid: 'Nino'" stays unsaid."""
    lines: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        lines += traceback.format_tb(error.__traceback__)
        lines.append(type(error).__qualname__ + (f": {error}" if isinstance(error, speaking()) else "") + "\n")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        lines += ["caused by\n"] if error is not None else []
    return "".join(lines).rstrip()
