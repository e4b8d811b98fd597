"""Which legal persons the sandbox's public registry knows: invented ones, told in ``companies.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.behaviour import Mode
from sandbox.people import PEOPLE


@dataclass(frozen=True)
class Representative:
    """Who may act for it. Somebody of another state may have no personal number."""

    personal_number: str | None
    name: str


@dataclass(frozen=True)
class Company:
    """One record of the registry. ``meets``: what a consultant meets here, for the sandbox's home page."""

    code: str
    name: str
    representatives: tuple[Representative, ...]
    email: str | None
    struck_off: bool
    meets: str
    answers: Mode


def _representative(told: str) -> Representative:
    if not told.isdigit():
        return Representative(None, told)
    person = PEOPLE[told]
    return Representative(told, f"{person.first_name.ka} {person.surname.ka}")


def _company(told: dict[str, Any]) -> Company:
    return Company(
        code=told["code"],
        name=told["name"],
        representatives=tuple(map(_representative, told["directors"])),
        email=told.get("email"),
        struck_off=told.get("struck_off", False),
        meets=told["meets"],
        answers=Mode(told.get("answers", "ok")),
    )


def _read() -> dict[str, Company]:
    told = tomllib.loads((Path(__file__).parent / "companies.toml").read_text(encoding="utf-8"))
    return {company.code: company for company in map(_company, told["company"])}


COMPANIES: dict[str, Company] = _read()
