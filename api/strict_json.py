"""JSON as an attacker may send it, read strictly: depth, numbers and text are bounded before anything trusts them."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn, cast

MAX_DEPTH: Final = 16
"""The deepest nesting of arrays and objects; our deepest input needs eight."""

MAX_DIGITS: Final = 18
"""Digits of the longest whole number: fits PostgreSQL's bigint."""

MAX_VALUES: Final = 10_000
"""Values in one body, counted with every member of every array and object."""

_TOKENS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[{]|[\]}]', re.DOTALL)
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters other than tab and line breaks, and lone surrogates: PostgreSQL and UTF-8 refuse them."""


class Malformed(Exception):
    """The request is not one that we can read. `reason` names the rule broken and never repeats what was sent."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``. Raises: Malformed."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8.") from None
    _refuse_deep(text)
    try:
        value = json.loads(text, parse_int=_whole, parse_float=_decimal, parse_constant=_refuse_constant)
    except (json.JSONDecodeError, RecursionError):
        raise Malformed("The body is not JSON.") from None
    if not isinstance(value, dict):
        raise Malformed("The body must be a JSON object.")
    found = cast(dict[str, Any], value)
    _refuse_odd_text(found)
    return found


def is_plain_text(text: str) -> bool:
    """Whether ``text`` holds neither lone surrogates nor control characters other than tab and line breaks."""
    return _FORBIDDEN.search(text) is None


def _refuse_deep(text: str) -> None:
    depth = 0
    for token in _TOKENS.finditer(text):
        match token.group()[0]:
            case "[" | "{":
                depth += 1
                if depth > MAX_DEPTH:
                    raise Malformed("The body is nested too deeply.")
            case "]" | "}":
                depth -= 1
            case _:
                pass


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise Malformed("A number in the body has too many digits.")
    return int(digits)


def _decimal(digits: str) -> float:
    if len(digits) > 2 * MAX_DIGITS:
        raise Malformed("A number in the body has too many digits.")
    return float(digits)


def _refuse_constant(_: str) -> NoReturn:
    raise Malformed("The body is not JSON.")


def _refuse_odd_text(value: dict[str, Any]) -> None:
    waiting: list[Any] = [value]
    seen = 0
    while waiting:
        item = waiting.pop()
        seen += 1
        if seen > MAX_VALUES:
            raise Malformed("The body holds too many values.")
        if isinstance(item, str):
            if not is_plain_text(item):
                raise Malformed("A text in the body holds characters that cannot be stored.")
        elif isinstance(item, list):
            waiting.extend(cast(list[Any], item))
        elif isinstance(item, dict):
            for name, member in cast(dict[str, Any], item).items():
                waiting += (name, member)
