"""A PostgreSQL that a test itself starts, freezes and stops, as an agency's own server might."""

import os
import signal

import psutil
import psycopg

from sarkmeli import embedded


class OwnPostgres:
    """A server under ``folder``, beside which an office runs with SARKMELI_DATABASE_URL."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir()
        embedded.prepare(folder)
        self.server = None

    @property
    def url(self):
        return embedded.conninfo(self.folder, "sarkmeli")

    def start(self):
        with (self.folder / "log").open("ab") as log:
            self.server = embedded.start(self.folder, log.fileno())
        while not embedded.answers(self.folder):
            assert self.server.poll() is None, (self.folder / "log").read_text()
        return self

    def make_database(self):
        with psycopg.connect(embedded.conninfo(self.folder, "postgres"), autocommit=True) as db:
            db.execute("CREATE DATABASE sarkmeli")
        return self

    def stop(self):
        """A clean stop: sessions are ended, nobody is let in."""
        self.server.send_signal(signal.SIGINT)
        assert self.server.wait(timeout=60) == 0

    def freeze(self):
        """Every process of it stands still; connections stay and are not answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def _signal(self, kind):
        master = psutil.Process(self.server.pid)
        for process in [master, *master.children(recursive=True)]:
            process.send_signal(kind)

    def clean_up(self):
        if self.server is not None and self.server.poll() is None:
            self.thaw()
            self.stop()
        assert os.path.isdir(self.folder)
