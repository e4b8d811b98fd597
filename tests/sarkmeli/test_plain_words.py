"""What a person can mend is said in a sentence: PostgreSQL is away, a folder may not be read."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ledger.signer import SigningFolder
from sarkmeli import auditing, parts, read_models
from sarkmeli.cli import app

PARTS = ("api", "runner", "notices", "deadlines", "checkpoints")
GIVEN = {
    "projections rebuild": ["status"],
    "projections retry": ["status", "00000000-0000-0000-0000-000000000001"],
    "projections drop": ["status", "1"],
    "ledger restored": ["the disk died"],
    "consumers rebase": ["notices", "1"],
    "audit prove": ["--position", "1"],
    "audit replay": ["1234567897", "--token", "x"],
    "erase": ["1234567897", "--token", "x", "--ground", "RETENTION_OVER"],
}
NEEDS_NONE = ("schema",)
BRINGS_ITS_OWN = ("run", "demo", "postgres")


def leaves(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*path, name))
        else:
            yield " ".join((*path, name))


ASKING = sorted(set(leaves(typer.main.get_command(app))) - set(NEEDS_NONE) - set(BRINGS_ITS_OWN))


@pytest.fixture
def away(tmp_path, monkeypatch):
    """An office whose server is not there, and which has signed before."""
    monkeypatch.setenv("SARKMELI_FOLDER", str(tmp_path))
    monkeypatch.setenv("SARKMELI_DATABASE_URL", f"postgresql://nobody@/sarkmeli?host={tmp_path}")
    monkeypatch.setattr(parts, "leave_no_core", lambda: None)
    monkeypatch.setattr("sarkmeli.logs.configure", lambda *_, **__: None)
    SigningFolder(tmp_path / "keys", "sarkmeli/test", new=True)
    return tmp_path


@pytest.mark.parametrize("command", ASKING)
def test_every_command_says_that_postgresql_is_away(away, command):
    done = CliRunner().invoke(app, [*command.split(), *GIVEN.get(command, [])])
    assert isinstance(done.exception, SystemExit), done.exception
    said = done.output + str(done.exception)
    assert "PostgreSQL cannot be reached" in said, said
    assert "No such file or directory" in said
    assert "sarkmeli postgres" in said
    assert done.exception.code not in (0, None)


@contextmanager
def somebody_else():
    """An account to which nothing of the office's belongs."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("key", [False, True])
@pytest.mark.parametrize("command", ["verify", "prove --position 1"])
def test_an_auditor_with_an_account_of_their_own_names_a_folder(away, command, key):
    assert auditing is not read_models  # both imported while everything may be read
    with tempfile.TemporaryDirectory(dir="/tmp") as theirs:
        notes = away / "keys" / "checkpoint-1.pub"
        copy = Path(shutil.copy(notes, theirs))
        given = [*command.split(), *(["--key", notes.read_text()] if key else [])]
        Path(theirs).chmod(0o755)
        copy.chmod(0)
        (away / "keys").chmod(0)
        with somebody_else():
            refused = CliRunner().invoke(app, ["audit", *given])
            forgotten = CliRunner().invoke(app, ["audit", *given, "--signer-notes", theirs])
        copy.chmod(0o644)
        with somebody_else():
            named = CliRunner().invoke(app, ["audit", *given, "--signer-notes", theirs])
        (away / "keys").chmod(0o700)
    assert refused.exit_code == forgotten.exit_code == 1
    assert f"{away / 'keys'}: this account may not read it" in refused.output
    assert "--signer-notes" in refused.output
    assert f"{copy}: this account may not read it" in forgotten.output
    assert "PostgreSQL cannot be reached" in named.output + str(named.exception), "the key was found"
