"""Whatever is killed, frozen or lost, who reads what is committed gets each record once, in order per key."""

import shutil
import signal
import tempfile
import threading
from pathlib import Path
from uuid import UUID

import pytest
from office_storm import run_the_office_storm
from relay_house import until
from relay_storm import run_the_storm, storm

STREAMS = [UUID(int=number) for number in range(1, 8)]


@pytest.fixture
def short_folder():
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_what_a_real_office_publishes_is_in_topics_and_table_once_whatever_is_killed(short_folder, record_property):
    with storm(short_folder) as made:
        record_property("told", run_the_office_storm(made, events=3000, kills=5, at_once=100, patience=120))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nothing_is_lost_or_doubled_in_a_hundred_kills(short_folder, record_property):
    with storm(short_folder) as made:
        record_property("told", run_the_storm(made, wanted=100_000, kills=100, at_once=200, patience=600))


def test_a_frozen_relay_is_followed_by_another_and_fenced_when_it_wakes(short_folder):
    with storm(short_folder) as made:
        zombie = made.relay()
        made.house.append(200, STREAMS)
        made.settle()
        writer = threading.Thread(target=made.write, args=(1200, STREAMS, 20))
        writer.start()
        until(lambda: made.relayed() > made.house.last() // 3)
        zombie.send_signal(signal.SIGSTOP)  # in the middle of whatever it does
        other = made.relay()
        writer.join()
        made.settle()
        zombie.send_signal(signal.SIGCONT)
        made.house.append(100, STREAMS)
        made.settle()
        assert other.poll() is None
        made.judge()
        words = (made.folder / "relays.out").read_text()
        assert "turn taken from a process whose heart stopped" in words


def test_a_broker_that_is_away_costs_nothing_but_time(short_folder):
    with storm(short_folder) as made:
        relay = made.relay()
        made.house.append(100, STREAMS)
        made.settle()
        made.broker.kill()
        began = threads_and_memory(relay)
        made.house.append(2000, STREAMS)  # the ledger goes on
        behind = made.house.last()
        until(lambda: (made.folder / "relays.out").read_text().count("begins again") >= 2, 120)
        assert made.relayed() < behind
        threads, memory = threads_and_memory(relay)
        assert threads <= began[0] + 4
        assert memory < began[1] + 60_000_000
        made.broker.start()
        made.settle()
        assert relay.poll() is None
        made.judge()


def threads_and_memory(process):
    import psutil

    known = psutil.Process(process.pid)
    return known.num_threads(), known.memory_info().rss


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_what_a_real_office_publishes_is_in_topics_and_table_once_through_a_hundred_kills(
    short_folder, record_property
):
    with storm(short_folder) as made:
        record_property("told", run_the_office_storm(made, events=100_000, kills=100, at_once=300, patience=900))
