"""PostgreSQL's disk is full, its data's or its write-ahead log's, under load: refused, nothing torn, and on it goes."""

import itertools
import tempfile
from pathlib import Path

import httpx
import psycopg
import pytest
from crash_load import Load, judge
from running_office import Office
from small_disk import SmallDisk

from sarkmeli import embedded
from sarkmeli.outside import OPERATIONS

REFUSED = 3
"""How many must be told to come again before there is room: whoever waits for a mail meanwhile asks for nothing."""


@pytest.fixture
def base():
    with tempfile.TemporaryDirectory(prefix="sk-disk-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def made(base):
    """An office that was made and stopped; its PostgreSQL can be moved about."""
    office = Office(base / "run", SARKMELI_TRUSTED_PROXIES='["127.0.0.1/32", "::1/128"]').start()
    assert office.stop() == 0
    yield office
    office.clean_up()


def is_refused(office, address):
    """Somebody from this address would begin an application; whether they are told to come again later."""
    query = (OPERATIONS / "OpenDraft.graphql").read_text()
    asked = {"query": query, "variables": {"input": {"bearer": True}}}
    answer = httpx.post(
        f"{office.url}/graphql", json=asked, headers={"X-Forwarded-For": address}, timeout=60, trust_env=False
    )
    assert answer.status_code == 200 or answer.headers["Retry-After"], answer.text
    return answer.status_code == 503


def keep_writing(office):
    """Go on to the next segment of the log, and write to it, until the server says no."""
    try:
        with psycopg.connect(embedded.conninfo(office.folder, "postgres"), autocommit=True) as db:
            while True:
                db.execute("SELECT pg_switch_wal() FROM pg_logical_emit_message(true, 'full', repeat('x', 8000))")
    except psycopg.OperationalError:
        return


@pytest.mark.timeout(600)
@pytest.mark.parametrize("full", ["data", "log"])
def test_a_full_disk_refuses_cleanly_and_nothing_is_lost(made, base, full, record_property):
    office, data = made, embedded.cluster(made.folder)
    disk = SmallDisk(base / "disk", "320m")
    try:
        if full == "data":
            (data / "pg_wal").rename(base / "pg_wal")
            (data / "pg_wal").symlink_to(base / "pg_wal")
        disk.take(data if full == "data" else data / "pg_wal")
        office.start()
        with Load(office, 3) as journal:
            journal.wait_for_more(1)
            disk.fill()
            if full == "log":
                keep_writing(office)
            before = len(journal.acknowledged)
            refused = 0
            for number in itertools.count():
                disk.fill()  # the server gives room back as it tidies up
                refused += is_refused(office, f"198.18.{number >> 8}.{number & 255}")
                if refused == REFUSED:
                    break
            answered = len(journal.acknowledged) - before
            disk.make_room()
            journal.wait_for_more(len(journal.acknowledged))
        assert {code for code in journal.statuses if code >= 500} <= {503}
        record_property(
            "told", f"{full}: {refused + journal.unanswered} refused, {answered} done meanwhile, {journal.statuses}"
        )
        judge(office, journal)
    finally:
        office.clean_up()
        disk.remove()
