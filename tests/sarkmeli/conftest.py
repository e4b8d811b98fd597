"""Whole offices: one that a worker's tests share and leave as they found it, and ones of a test's own."""

import shutil
import tempfile
from pathlib import Path

import pytest
from canary_office import let_postgresql_talk
from canary_office import watched as watched_office
from running_office import Office

EVERYBODY_FROM_HERE = {"SARKMELI_SMS_PER_PREFIX": "1000", "SARKMELI_SMS_PER_NUMBER": "50"}
"""Every client of a test is at one address, and asks again whatever was not answered."""


@pytest.fixture
def office_folder():
    """A folder for one office; short, and one that PostgreSQL's account may pass through."""
    base = Path(tempfile.mkdtemp(prefix="sk-run-", dir="/tmp"))
    yield base / "run"
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def own_office(office_folder):
    """An office of the test's own, not started yet."""
    office = Office(office_folder, **EVERYBODY_FROM_HERE)
    yield office
    office.clean_up()


@pytest.fixture
def watched(office_folder):
    """Starts offices that log all they can and believe where a client says it is; see canary_office."""
    started = []

    def start(**environment):
        office = watched_office(office_folder, **environment)
        started.append(office)
        office.start()
        let_postgresql_talk(office)
        return office

    yield start
    for office in started:
        office.clean_up()


@pytest.fixture(scope="session")
def shared_office():
    """One running office a worker."""
    base = Path(tempfile.mkdtemp(prefix="sk-run-", dir="/tmp"))
    office = Office(base / "run").start()
    yield office
    assert office.stop() == 0
    office.clean_up()
    shutil.rmtree(base, ignore_errors=True)
