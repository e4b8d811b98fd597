"""One service a worker, over real PostgreSQL and real neighbours on loopback."""

import threading

import argon2
import psycopg
import pytest
from neighbours import Sandbox, free_port
from statements import sent
from window import settings_of, window


@pytest.fixture(scope="session")
def at(tmp_path_factory, databases):
    """The service."""
    folder, port = tmp_path_factory.mktemp("run"), free_port()
    sandbox_port = free_port()
    named = ("--public-url", f"http://localhost:{sandbox_port}")
    sandbox = Sandbox(folder / "sandbox", f"http://localhost:{port}", named, sandbox_port).start()
    with window(settings_of(folder, databases.make, port, sandbox), sandbox) as running:
        yield running
    sandbox.stop()


@pytest.fixture
def statements(monkeypatch):
    """Every statement that the API's own threads send, every round trip and every password hashed, since last asked."""

    def ours():
        return "AnyIO" in threading.current_thread().name

    seen, wait = sent(monkeypatch, ours), psycopg.Connection.wait

    def waited(self, *arguments, **options):
        if ours():
            seen.append("round trip")
        return wait(self, *arguments, **options)

    def hashed(name):
        do = getattr(argon2.PasswordHasher, name)

        def counted(self, *arguments, **options):
            if ours():
                seen.append(f"password: {name}")
            return do(self, *arguments, **options)

        monkeypatch.setattr(argon2.PasswordHasher, name, counted)

    hashed("verify")
    hashed("hash")
    monkeypatch.setattr(psycopg.Connection, "wait", waited)

    def taken():
        found = list(seen)
        seen.clear()
        return found

    return taken
