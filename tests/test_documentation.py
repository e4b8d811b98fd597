"""What is not written down does not exist: every command, setting and refusal code stands in docs/, and no other."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import typer.main

ROOT = Path(__file__).parent.parent
HOUSE = ("domain", "ledger", "projections", "housekeeping", "gateways", "consumers", "api")


def headings(page: str) -> set[str]:
    """The words in back quotes that begin a heading or a table row of a page in docs/."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return set(re.findall(r"^(?:#+|\|) `([^`]+)`", text, flags=re.MULTILINE))


def commands(group: object, path: str = "") -> set[str]:
    inner = getattr(group, "commands", None)
    if inner is None:
        return {path.strip()}
    return {name for key, command in inner.items() for name in commands(command, f"{path} {key}")}


def test_every_command_is_documented_and_no_other() -> None:
    from sarkmeli.cli import app

    assert headings("commands.md") == commands(typer.main.get_command(app))


def test_every_setting_is_documented_and_no_other() -> None:
    from sarkmeli.settings import Settings

    assert headings("settings.md") == {f"SARKMELI_{name.upper()}" for name in Settings.model_fields}


def test_every_refusal_code_is_documented_and_no_other() -> None:
    from domain.refusals import REFUSALS

    for name in HOUSE:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    ours = {code for code, refusal in REFUSALS.items() if refusal.__module__.split(".")[0] in HOUSE}
    assert headings("refusals.md") == ours


@pytest.mark.parametrize("page", sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").rglob("*.md")))
def test_every_link_and_named_file_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = set(re.findall(r"\]\(([^)#:]+)\)", text))
    named = set(re.findall(r"`((?:domain|ledger|projections|gateways|consumers|api|sarkmeli|texts)/[\w/.]+)`", text))
    missing = {link for link in links if not ((ROOT / page).parent / link).exists()}
    missing |= {name for name in named if not (ROOT / name).exists()}
    assert not missing
