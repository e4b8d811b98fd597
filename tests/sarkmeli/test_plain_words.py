"""PostgreSQL is away, and whatever is typed says so in a sentence."""

import pytest
import typer
from typer.testing import CliRunner

from sarkmeli import parts
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
    from ledger.signer import SigningFolder

    SigningFolder(tmp_path / "keys", "sarkmeli/test", new=True)


@pytest.mark.parametrize("command", ASKING)
def test_every_command_says_that_postgresql_is_away(away, command):
    done = CliRunner().invoke(app, [*command.split(), *GIVEN.get(command, [])])
    assert isinstance(done.exception, SystemExit), done.exception
    said = done.output + str(done.exception)
    assert "PostgreSQL cannot be reached" in said, said
    assert "No such file or directory" in said
    assert "sarkmeli postgres" in said
    assert done.exception.code not in (0, None)
