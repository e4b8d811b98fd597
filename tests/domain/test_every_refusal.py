"""Every refusal of both services is told by some story, and every sentence is there in both languages."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from string import Formatter

import pytest
import story  # noqa: F401  imports the whole service
import taxpayer_stage  # noqa: F401  and the other one

from domain.faults import FaultCode
from domain.refusals import REFUSALS
from domain.taxpayer import centres  # noqa: F401  asked by the API alone
from domain.taxpayer.registry import PublicRegistryUnavailable

HERE = Path(__file__).parent
TEXTS = HERE.parents[1] / "texts"
TOLD = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))


GATEWAYS = {PublicRegistryUnavailable}
"""Raised by no rule but by a neighbour, and told where the neighbour is."""


def of(package: str) -> dict[str, type]:
    return {code: kind for code, kind in REFUSALS.items() if kind.__module__.startswith(package)}


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for package in ("domain.compatriot", "domain.consents", "domain.faults", "domain.roles", "domain.taxpayer")
        for kind in of(package).values()
        if kind not in GATEWAYS
    ],
    ids=lambda kind: kind.__name__,
)
def test_a_story_tells_every_refusal(kind: type) -> None:
    tells = (f"refused({kind.__name__}", f"raises({kind.__name__}")
    assert any(telling in TOLD.replace("\n", "").replace(" ", "") for telling in tells)


@pytest.mark.parametrize("code", FaultCode)
def test_a_test_tells_every_fault(code: FaultCode) -> None:
    assert f'"{code.name}"' in TOLD or f"FaultCode.{code.name}" in TOLD


@pytest.mark.parametrize("language", ["ka", "en"])
@pytest.mark.parametrize(
    ("package", "book"),
    [
        ("domain.compatriot", "compatriot"),
        ("domain.consents", "consents"),
        ("domain.faults", "faults"),
        ("domain.erasure", "erasure"),
        ("domain.office", "office"),
        ("domain.roles", "roles"),
        ("domain.taxpayer", "taxpayer"),
        ("domain.words", "words"),
    ],
)
def test_every_refusal_has_its_sentence_and_no_fact_is_made_up(package: str, book: str, language: str) -> None:
    sentences = tomllib.loads((TEXTS / language / "refusals" / f"{book}.toml").read_text(encoding="utf-8"))
    refusals = of(package)
    assert set(sentences) == set(refusals)
    for code, sentence in sentences.items():
        named = {name for _, name, _, _ in Formatter().parse(sentence) if name}
        assert named <= {field.name for field in fields(refusals[code])}


@pytest.mark.parametrize("language", ["ka", "en"])
def test_every_fault_has_its_sentence(language: str) -> None:
    sentences = tomllib.loads((TEXTS / language / "form.toml").read_text(encoding="utf-8"))
    assert set(sentences) == {code.value for code in FaultCode}
    assert all(sentence.strip() for sentence in sentences.values())
