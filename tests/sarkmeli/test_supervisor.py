"""The supervisor over parts of the test's own: it passes on, restarts, stops, and takes its parts with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sarkmeli.processes import Identity, end, recorded

ROOT = Path(__file__).parents[2]


class Run:
    """The program `sleepers` as a process, read line by line."""

    def __init__(self, folder, *parts):
        self.folder = folder
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "tests/sarkmeli/sleepers.py", folder, *parts],
            stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self.said = []

    def until(self, words):
        """Read on until a line holds ``words``; that line."""
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if words in line:
                return line
        pytest.fail(f"it never said {words!r}, but: {self.said}")

    def identities(self):
        return {identity.name: identity for identity in recorded(self.folder / "running.json")}


@pytest.fixture
def run(tmp_path):
    runs = []

    def start(*parts):
        runs.append(Run(tmp_path, *parts))
        return runs[-1]

    yield start
    for each in runs:
        each.process.kill()
        each.process.wait()
        each.process.stdout.close()


def test_a_killed_part_is_started_again_and_that_is_said(run):
    office = run("first", "second")
    office.until("all ready")
    before = office.identities()
    os.kill(before["first"].pid, signal.SIGKILL)
    assert "killed by SIGKILL" in office.until("first     │ ended")
    again = int(office.until("started again as process").rsplit(maxsplit=1)[1])
    office.until("first     │ awake")
    after = office.identities()
    assert after["first"].pid == again != before["first"].pid
    assert after["second"] == before["second"]


def test_parts_stop_and_nothing_is_left(run):
    office = run("first", "program", "second")
    office.until("all ready")
    running = office.identities()
    office.process.send_signal(signal.SIGTERM)
    office.until("all stopped")
    assert office.process.wait() == 0
    assert [identity.process() for identity in running.values()] == [None, None, None]
    assert office.identities() == {}


def test_a_killed_supervisor_takes_its_parts_with_it(run):
    office = run("first", "program")
    office.until("all ready")
    parts = [identity.process() for identity in office.identities().values()]
    assert len(parts) == 2
    office.process.kill()
    _, alive = psutil.wait_procs(parts, timeout=10)
    assert alive == []


def test_a_part_that_cannot_start_is_named_with_its_last_words(run):
    office = run("first", "failing")
    assert "failing did not start" in office.until("did not start")
    assert office.process.wait() == 3
    assert any("I cannot" in line for line in office.said)
    assert (office.folder / "logs/failing.log").read_text() == "I cannot\n"


def test_a_part_that_keeps_failing_is_started_less_and_less_often(run):
    office = run("sometimes")
    office.until("all ready")
    (office.folder / "broken").touch()
    os.kill(office.identities()["sometimes"].pid, signal.SIGKILL)
    delays = [float(office.until("it is started again in").split(" in ")[1].split()[0]) for _ in range(4)]
    assert delays == [0.1, 0.2, 0.4, 0.8]
    (office.folder / "broken").unlink()
    office.until("started again as process")


def test_a_process_number_given_to_somebody_else_is_left_alone():
    stranger = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        mine = Identity.of("part", stranger.pid)
        earlier = Identity("part", stranger.pid, mine.started - 60)
        assert end([earlier]) == 0
        assert stranger.poll() is None
        assert end([mine]) == 1
        assert mine.process() is None
    finally:
        stranger.kill()
        stranger.wait()
