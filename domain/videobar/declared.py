"""What a person declares before the call: how it is kept, and everything that can be wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from domain.contacts import tidy_mobile
from domain.faults import Fault, FaultCode, FormRefused
from domain.identification import is_legal_code, is_personal_number
from domain.videobar.terms import Declared
from domain.writing import name_faults, tidy_georgian, tidy_line


def accepted(declared: Declared | None, *, asked: bool) -> Declared | None:
    """What was declared, as it is kept, at a bar where that is ``asked`` for; nothing elsewhere.

    Raises: FormRefused with every fault at once.
    """
    if declared is None:
        if asked:
            raise FormRefused((Fault("declared", FaultCode.MISSING),))
        return None
    if not asked:
        raise FormRefused((Fault("declared", FaultCode.NOT_ASKED),))
    kept = tidied(declared)
    if faults := tuple(declared_faults(kept)):
        raise FormRefused(faults)
    return kept


def tidied(declared: Declared) -> Declared:
    """One way of writing for what can be written in several. Says nothing of its faults."""
    return replace(
        declared,
        first_name=_tidy_name(declared.first_name),
        surname=_tidy_name(declared.surname),
        personal_number=tidy_line(declared.personal_number).replace(" ", ""),
        mobile=tidy_mobile(declared.mobile) or tidy_line(declared.mobile),
        legal_code=tidy_line(declared.legal_code or "").replace(" ", "") or None,
    )


def declared_faults(declared: Declared) -> Iterator[Fault]:
    """Everything wrong with what was declared and tidied, in the order of the window."""
    yield from name_faults("declared.firstName", declared.first_name)
    yield from name_faults("declared.surname", declared.surname)
    number, mobile, code = declared.personal_number, declared.mobile, declared.legal_code
    if not number:
        yield Fault("declared.personalNumber", FaultCode.MISSING)
    elif not is_personal_number(number):
        yield Fault("declared.personalNumber", FaultCode.PERSONAL_NUMBER_MALFORMED)
    if not mobile:
        yield Fault("declared.mobile", FaultCode.MISSING)
    elif tidy_mobile(mobile) != mobile:
        yield Fault("declared.mobile", FaultCode.MOBILE_MALFORMED)
    if code is not None and not is_legal_code(code):
        yield Fault("declared.legalCode", FaultCode.LEGAL_CODE_MALFORMED)


def _tidy_name(name: str) -> str:
    """Mtavruli capitals become Mkhedruli; Latin names keep their capitals."""
    line = tidy_line(name)
    return tidy_georgian(line) if any("\u1c90" <= letter <= "\u1cbf" for letter in line) else line
