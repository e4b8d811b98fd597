"""`sarkmeli projections`, as an administrator types it beside an office that runs."""

import os
import pty
import re
import subprocess
import sys
from uuid import uuid4

import psycopg
import pytest
from running_office import ROOT, sarkmeli

from projections.status import STATUS
from sarkmeli import embedded
from sarkmeli.story import Story

OLD = STATUS.version + 7


@pytest.fixture(scope="module")
def office(shared_office):
    """An office with one application in it, its read models at the ledger's end."""
    story = Story(shared_office.outside())
    for step in list(story.steps())[:4]:
        step.do()
    return shared_office


def projections(office, *arguments):
    return sarkmeli("projections", *arguments, "--folder", str(office.folder))


def owner(office):
    return psycopg.connect(embedded.conninfo(office.folder, "sarkmeli"), autocommit=True)


def on_a_terminal(office, *arguments):
    """(status, all that a terminal of 200 columns was shown)."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sarkmeli", "projections", *arguments, "--folder", str(office.folder)],
        cwd=ROOT, env={**os.environ, "COLUMNS": "200", "TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = bytearray()
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # Linux says EIO where others say end of file: the other side is closed
        pass
    os.close(ours)
    return process.wait(60), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def test_the_status_says_how_far_each_model_is_and_what_is_left_behind(office):
    with owner(office) as db:
        db.execute(
            "INSERT INTO reading.version (model, version, tables) SELECT model, %s, tables FROM reading.version"
            " WHERE (model, version) = ('status', %s)",
            (OLD, STATUS.version),
        )
        db.execute(f"CREATE TABLE reading.status_v{OLD} (stream uuid PRIMARY KEY)")
        db.execute(f"ALTER TABLE reading.status_v{OLD} OWNER TO sarkmeli_runner")
    status, said = projections(office, "status")
    assert status == 0, said
    assert re.search(rf"status v{STATUS.version}\W+\d+", said)
    assert f"`sarkmeli projections drop status {OLD}` once no other release runs" in said

    dropped = ", ".join(f"reading.{name}_v{OLD}" for name in ("status", "status_payment", "status_call"))
    status, said = projections(office, "drop", "status", str(OLD))
    assert (status, said) == (0, f"dropped {dropped}\n")
    assert "left behind" not in projections(office, "status")[1]
    for wrong in (OLD, STATUS.version):
        status, said = projections(office, "drop", "status", str(wrong))
        assert (status, "Traceback" in said) == (1, False), said
    with owner(office) as db:
        assert db.execute(f"SELECT count(*) FROM reading.status_v{STATUS.version}").fetchone()[0] > 0


def test_a_rebuild_shows_its_progress_on_a_terminal_and_in_a_log(office):
    status, said = on_a_terminal(office, "rebuild", "status")
    assert status == 0, said
    (done, whole), *_ = reversed(re.findall(r"([\d,]+) of ([\d,]+)", said))
    assert done == whole
    assert re.search(r"[\d,]+/s +\d+:\d\d:\d\d", said), "the rate, and the time left"
    assert "status was made again and stands at" in said

    status, said = projections(office, "rebuild", "status")
    assert status == 0, said
    assert re.search(rf"status v{STATUS.version}: [\d,]+ of [\d,]+ events", said)


def test_a_quarantined_stream_fails_the_status_until_it_is_replayed(office):
    with owner(office) as db:
        (stream,) = db.execute(f"SELECT stream FROM reading.status_v{STATUS.version} LIMIT 1").fetchone()
        db.execute(
            "INSERT INTO reading.quarantine (model, version, stream, position, error)"
            " VALUES ('status', %s, %s, 1, 'ValueError')",
            (STATUS.version, stream),
        )
    status, said = projections(office, "status")
    (line,) = [line for line in said.splitlines() if line.startswith("quarantined: ")]
    remedy = f"sarkmeli projections retry status {stream}"
    assert (status, remedy in line, "position 1: ValueError, since 20" in line) == (1, True, True), said
    status, said = sarkmeli("audit", "verify", "--folder", str(office.folder))
    (line,) = [line for line in said.splitlines() if line.startswith("NOT COMPARED: ")]
    assert (status, remedy in line) == (1, True), said

    assert projections(office, "retry", "status", str(stream)) == (0, "lifted\n")
    status, said = projections(office, "retry", "status", str(stream))
    assert (status, said) == (
        1, f"status has not quarantined {stream}: `sarkmeli projections status` tells what it has\n",
    )  # fmt: skip
    assert projections(office, "status")[0] == 0


def test_why_a_model_stopped_stands_whole_below_the_table(office):
    why = "it followed another ledger; run `sarkmeli projections rebuild status`"
    with owner(office) as db:
        db.execute("UPDATE reading.tracking SET stopped = %s WHERE model = 'status' AND NOT beside", (why,))
        status, said = projections(office, "status")
        db.execute("UPDATE reading.tracking SET stopped = NULL WHERE model = 'status'")
    assert (status, f"stopped: status v{STATUS.version}: {why}\n" in said) == (1, True), said


@pytest.mark.parametrize("command", [("rebuild", "nobody"), ("retry", "nobody", str(uuid4())), ("drop", "nobody", "1")])
def test_a_model_that_is_none_is_named(office, command):
    status, said = projections(office, *command)
    assert (status, "Traceback" in said) == (1, False)
    assert "nobody" in said
