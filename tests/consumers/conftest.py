"""A house of each test's own, and sandbox neighbours that only the test speaks to."""

import pytest
from consumer_house import opened
from neighbours import Sandbox, free_port


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    """One sandbox a worker; every test's cases have addresses of their own."""
    port = free_port()
    named = ("--public-url", f"http://localhost:{port}")
    running = Sandbox(tmp_path_factory.mktemp("run") / "sandbox", "http://127.0.0.1:9", named, port).start()
    yield running
    running.stop()


@pytest.fixture
def at(sandbox, new_database):
    with opened(sandbox.folder.parent, new_database, sandbox) as house:
        yield house
