"""Two API processes behind one address: restarted one after the other under load, and followed from line to line."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from running_office import ROOT, Office
from settling import settled
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from sarkmeli.house import open_house
from sarkmeli.outside import OPERATIONS
from sarkmeli.settings import Settings
from sarkmeli.story import Story

APIS = ("api", "api-2")

PASSING_ON = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, "-m", "sarkmeli", "api", "--folder", sys.argv[2]])
"""
"""What systemd does before it starts a service."""


@pytest.fixture(scope="module")
def office():
    """One whose processes log for machines."""
    with tempfile.TemporaryDirectory(prefix="sk-two-", dir="/tmp") as base:
        office = Office(Path(base) / "run", SARKMELI_LOG_FORMAT="json").start()
        yield office
        assert office.stop() == 0
        office.clean_up()


class Visitors:
    """Look-ups without a pause and without a second try: half of them on connections that are kept."""

    def __init__(self, url, asked, count=8):
        self.url = url
        self.asked = asked
        self.answered = Counter()
        self.failed = []
        self._changed = threading.Condition()
        self._over = False
        self._threads = [threading.Thread(target=self._visit, args=(n % 2 == 0,)) for n in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over = True
        for thread in self._threads:
            thread.join(60)

    def until_answered(self, more):
        """Wait until so many more were answered."""
        with self._changed:
            than = self.answered.total() + more
            assert self._changed.wait_for(lambda: self.answered.total() >= than or self.failed, 120)

    def _visit(self, kept):
        headers = {} if kept else {"Connection": "close"}
        with httpx.Client(timeout=30, trust_env=False, headers=headers) as client:
            while not self._over and not self.failed:
                try:
                    answer = client.post(f"{self.url}/graphql", json=self.asked)
                    what = answer.status_code
                    assert answer.json()["data"]
                except Exception as error:
                    what = repr(error)
                with self._changed:
                    self.answered[what] += 1
                    if what != 200:
                        self.failed.append(what)
                    self._changed.notify_all()


@retry(retry=retry_if_exception_type(AssertionError), wait=wait_fixed(0.02), stop=stop_after_delay(60), reraise=True)
def serves_again(office, name, served, earlier):
    """A new process of this part takes requests."""
    assert office.parts().get(name) not in (None, earlier)
    assert lines(office, name, "serving") > served


def lines(office, part, event):
    return sum(line["event"] == event for line in logged(office, part))


def logged(office, part):
    """What a part's processes have said, line by line."""
    said = (office.folder / "logs" / f"{part}.log").read_text().splitlines()
    return [json.loads(line) for line in said if line.startswith("{")]


@pytest.mark.timeout(400)
def test_restarted_one_after_the_other_no_request_fails(office, record_property):
    outside = office.outside()
    story = Story(outside)
    for step in story.steps()[:6]:
        step.do()
    query = (OPERATIONS / "Status.graphql").read_text()
    asked = {"query": query, "variables": {"number": story.number, "code": story.code}}
    with Visitors(office.url, asked) as visitors:
        visitors.until_answered(50)
        for name in APIS * 2:
            earlier, served = office.parts()[name], lines(office, name, "serving")
            earlier.process().send_signal(signal.SIGTERM)
            serves_again(office, name, served, earlier)
            visitors.until_answered(50)
    assert not visitors.failed, visitors.failed
    outside.close()
    record_property("told", f"{2 * len(APIS)} restarts, {visitors.answered.total()} look-ups, 0 failed")


def test_a_web_socket_is_told_to_come_again(office):
    """Whichever of the two it is at: both are told to end, and both do so politely."""
    line = connect(f"{office.url.replace('http', 'ws')}/videobar/calls/{uuid4()}")
    served = {name: lines(office, name, "serving") for name in APIS}
    before = office.parts()
    for name in APIS:
        before[name].process().send_signal(signal.SIGTERM)
    with pytest.raises(ConnectionClosed) as closed:
        line.recv(30)
    assert closed.value.rcvd.code == 1012
    for name in APIS:
        serves_again(office, name, served[name], before[name])


def test_one_id_leads_from_the_request_to_the_event_and_to_the_mail(office):
    outside = office.outside()
    story = Story(outside)
    for step in story.steps()[:3]:
        step.do()
    trace = uuid4()
    outside._http.headers["traceparent"] = f"00-{trace.hex}-00f067aa0ba902b7-01"
    story.register()
    del outside._http.headers["traceparent"]
    story.read_registered()
    outside.close()
    settled(office)

    (answered,) = [line for name in APIS for line in logged(office, name) if line.get("correlation") == str(trace)]
    assert (answered["event"], answered["field"]) == ("answered", "Mutation.registerApplication")
    with open_house(Settings(folder=office.folder)) as house:
        events = house.ledger.reader.stream(UUID(story.case))
    assert {each.event.correlation for each in events} == {trace}
    (mailed,) = [line for line in logged(office, "notices") if line.get("correlation") == str(trace)]
    assert (mailed["event"], mailed["kind"], mailed["case"]) == ("mail sent", "registered", story.case)


def test_a_service_manager_may_hold_the_socket(office):
    """As systemd passes it on; asked before the process is up, it waits in the socket's queue."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        known = {name: value for name, value in os.environ.items() if not name.startswith("SARKMELI_")}
        command = [sys.executable, "-c", PASSING_ON, str(held.fileno()), str(office.folder)]
        third = subprocess.Popen(command, cwd=ROOT, env=known, pass_fds=[held.fileno()])
        try:
            address = f"http://127.0.0.1:{held.getsockname()[1]}/healthz"
            assert httpx.get(address, trust_env=False, timeout=60).json() == {"live": True}
        finally:
            third.send_signal(signal.SIGTERM)
            assert third.wait(60) == 0


def test_whichever_is_asked_counts_for_both(office):
    """Requests on connections of their own spread over both processes; one scrape knows of all."""
    counted = re.compile(r'^sarkmeli_graphql_requests_total\{status="200"\} ([0-9.]+)$', re.MULTILINE)

    def count():
        return float(counted.search(httpx.get(f"{office.url}/metrics", trust_env=False).text)[1])

    before = count()
    query = (OPERATIONS / "Office.graphql").read_text()
    for _ in range(20):
        assert httpx.post(f"{office.url}/graphql", json={"query": query}, trust_env=False).status_code == 200
    assert {count() - before for _ in range(10)} == {20.0}
