"""schema.graphql is the contract: it says what the code does, and is not broken without being said."""

import re
import subprocess
from pathlib import Path

from graphql import build_schema
from graphql.utilities import BreakingChange, find_breaking_changes

import texts
from api.answers import LISTED
from api.refusals import refusal_type
from api.schema import sdl
from domain.refusals import REFUSALS

ROOT = Path(__file__).parent.parent.parent
CONTRACT = ROOT / "schema.graphql"


def test_the_contract_is_what_the_code_says():
    assert CONTRACT.read_text(encoding="utf-8") == sdl(), "run `make schema`, and read the difference as a client would"


def released():
    """The contract as the last release had it; today's before there is one."""
    tags = subprocess.run(
        ["git", "tag", "--sort=-creatordate"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    shown = subprocess.run(
        ["git", "show", f"{tags[0] if tags else 'HEAD'}:schema.graphql"], cwd=ROOT, capture_output=True, text=True
    )
    return shown.stdout if tags and shown.returncode == 0 else sdl()


def breaking(old: str, new: str) -> list[BreakingChange]:
    """What a client of ``old`` would trip over in ``new``; that a union gained a refusal breaks nobody."""
    return find_breaking_changes(build_schema(old), build_schema(new))


def test_no_client_of_the_last_release_is_broken():
    assert breaking(released(), sdl()) == []


def test_a_breaking_change_is_seen():
    without = re.sub(r'  """Where to pay by card."""\n  bankPage: String!\n', "", sdl())
    assert [change.description for change in breaking(sdl(), without)] == [
        "Field ApplicationRegistered.bankPage was removed."
    ]
    assert breaking(without, sdl()) == []


def test_every_refusal_has_a_type_and_a_sentence_in_both_languages():
    assert len(LISTED) > 35
    for code, kind in REFUSALS.items():
        if kind.__module__.split(".")[0] not in {"domain", "housekeeping", "gateways", "api"}:
            continue
        refusal_type(kind)
        for language in ("ka", "en"):
            assert code in texts.sentences.sentences(texts.language(language), "refusals"), (language, code)
