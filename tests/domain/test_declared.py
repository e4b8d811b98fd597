"""What a person tells of themselves before a call: asked at the taxpayers' bar, kept sealed, refused elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bar import Stage as AnyBar
from memory_office import holder_of
from taxpayer_stage import DECLARED, GIORGI, Stage

from domain.event import ERASED
from domain.faults import Fault, FaultCode, FormRefused
from domain.language import Language
from domain.videobar.call import Call
from domain.videobar.declared import accepted
from domain.videobar.refusals import ConsentOutdated
from domain.videobar.terms import Declared, Media


def faults(**changes: str | None) -> dict[str, FaultCode]:
    with pytest.raises(FormRefused) as refused:
        accepted(replace(DECLARED, **changes), asked=True)
    return {fault.field: fault.code for fault in refused.value.faults}


def test_it_is_kept_in_one_way_of_writing_and_forgotten_with_the_case() -> None:
    stage = Stage()
    stage.files("giorgi")
    typed = Declared(" გიორგი ", "Ბერიძე", "01001 000 001", "(555) 12-34-56", "204 567 890")
    call = stage.office.load(Call, stage.calls("giorgi", declared=typed))
    assert call.declared == Declared("გიორგი", "ბერიძე", GIORGI, "+995555123456", "204567890")
    call.request_erasure(stage.act(stage.holder("giorgi")))
    assert call.declared == ERASED


def test_every_fault_is_told_at_once() -> None:
    assert faults(
        first_name="", surname="Бенидзе", personal_number="0100100000a", mobile="+491701234567", legal_code="12345678"
    ) == {
        "declared.firstName": FaultCode.MISSING,
        "declared.surname": FaultCode.NEITHER_GEORGIAN_NOR_LATIN,
        "declared.personalNumber": FaultCode.PERSONAL_NUMBER_MALFORMED,
        "declared.mobile": FaultCode.MOBILE_MALFORMED,
        "declared.legalCode": FaultCode.LEGAL_CODE_MALFORMED,
    }


@pytest.mark.parametrize(
    ("field", "typed", "code"),
    [
        ("surname", "Berიძე", FaultCode.NEITHER_GEORGIAN_NOR_LATIN),
        ("surname", "ბერიძე\u202e", FaultCode.FORBIDDEN_CHARACTERS),
        ("first_name", "გ" * 101, FaultCode.TOO_LONG),
        ("personal_number", "٠١٠٠١٠٠٠٠٠١", FaultCode.PERSONAL_NUMBER_MALFORMED),
        ("personal_number", "", FaultCode.MISSING),
        ("mobile", "", FaultCode.MISSING),
    ],
)
def test_what_may_not_be_written(field: str, typed: str, code: FaultCode) -> None:
    assert list(faults(**{field: typed}).values()) == [code]


def test_a_bar_that_asks_lets_nobody_in_who_does_not_say() -> None:
    stage = Stage()
    stage.files("giorgi")
    stage.when(lambda: stage.calls("giorgi", declared=None)).refused(
        FormRefused, faults=(Fault("declared", FaultCode.MISSING),)
    )
    assert stage.queue.entered == []


def test_a_bar_that_does_not_ask_keeps_nothing() -> None:
    stage = AnyBar()
    permit = stage.permit()
    entered = {"case": permit.id, "consent": "v1", "consent_language": Language.KA, "media": Media(True, True)}
    with pytest.raises(FormRefused) as refused:
        stage.bar.enter(stage.office.by(holder_of(permit)), declared=DECLARED, **entered)
    assert refused.value.faults == (Fault("declared", FaultCode.NOT_ASKED),)
    assert stage.call(stage.enter(permit)).declared is None


def test_each_bar_has_a_consent_of_its_own() -> None:
    stage = Stage()
    stage.files("giorgi")
    bars = stage.bar.rules.bars
    stage.bar.rules = replace(stage.bar.rules, bars={name: replace(bar, consent="v2") for name, bar in bars.items()})
    stage.when(lambda: stage.calls("giorgi")).refused(ConsentOutdated, current="v2")
