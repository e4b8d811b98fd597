"""What a person can mend is said in a sentence: PostgreSQL is away, a folder may not be read."""

import os
import shutil
import signal
import socket
import tempfile
import threading
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ledger.signer import SigningFolder
from sarkmeli import auditing, parts, read_models, warehouse, watching
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
    "mirror rebuild": ["status"],
    "mirror retry": ["status", "00000000-0000-0000-0000-000000000001"],
    "mirror drop": ["status", "1"],
    "relay replay": ["--from", "0"],
    "erase": ["1234567897", "--token", "x", "--ground", "RETENTION_OVER"],
}
FROM_THE_WAREHOUSE = (
    "analytics keep",
    "analytics refresh",
    "analytics report",
    "relay watch",
    "warehouse collect",
    "warehouse rebuild",
    "warehouse status",
    "warehouse tidy",
)
"""They read the public stream in Kafka, or the warehouse's files that were made from it, and never the ledger."""
ENDLESS = ("analytics keep", "relay watch", "warehouse collect")
NEEDS_NONE = ("schema", *FROM_THE_WAREHOUSE)
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
    monkeypatch.setenv("SARKMELI_MIRROR_DATABASE_URL", f"postgresql://nobody@/mirror?host={tmp_path}")
    monkeypatch.setenv("SARKMELI_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
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
def knocked():
    """Where PostgreSQL would listen: gives an address, and what tells whether anybody came to it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{folder}/.s.PGSQL.5432")
        door.listen(8)
        door.setblocking(False)

        def came():
            try:
                door.accept()[0].close()
            except BlockingIOError:
                return False
            return True

        yield f"host={folder}&connect_timeout=2", came


@contextmanager
def ctrl_c(seconds):
    """What does not end by itself is ended as a person ends it."""
    assert watching is not warehouse  # imported by now: the seconds are the command's
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    later = threading.Timer(seconds, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    later.start()
    try:
        yield
    finally:
        later.cancel()
        for kind, handler in before.items():
            signal.signal(kind, handler)


@pytest.mark.parametrize("command", [*FROM_THE_WAREHOUSE, "relay status", "mirror migrate"])
def test_what_reads_the_public_stream_never_comes_to_postgresql(away, monkeypatch, command):
    """The last two do, so that it is seen that somebody who comes is seen."""
    with knocked() as (address, came):
        for name in ("", "KEYS_", "MIRROR_"):
            monkeypatch.setenv(f"SARKMELI_{name}DATABASE_URL", f"postgresql://nobody@/sarkmeli?{address}")
        with ctrl_c(5) if command in ENDLESS else nullcontext():
            done = CliRunner().invoke(app, command.split())
        assert came() == (command not in FROM_THE_WAREHOUSE), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    if command in FROM_THE_WAREHOUSE:
        assert done.exit_code == (1 if command == "warehouse status" else 0), done.output


def test_who_watches_is_told_that_kafka_is_away(away, monkeypatch):
    """The client's own time; here it gives up sooner than it would by itself."""
    known = watching.client
    monkeypatch.setattr(watching, "client", lambda settings: {**known(settings), "bootstrap_timeout_ms": 500})
    done = CliRunner().invoke(app, ["relay", "watch"])
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 1
    assert "Kafka cannot be reached" in done.output


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
