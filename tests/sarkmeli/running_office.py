"""A whole office as `make run` starts it, on a folder and ports of its own; how a test looks at it and kills it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
from forked_commands import sarkmeli

from sandbox.ports import free_port
from sarkmeli import embedded
from sarkmeli.neighbours import sandbox_credentials
from sarkmeli.outside import Outside
from sarkmeli.processes import recorded
from sarkmeli.run_folder import RunFolder

ROOT = Path(__file__).parents[2]
__all__ = ["PARTS", "ROOT", "Office", "last_json", "sarkmeli"]

PARTS = ("postgres", "sandbox", "runner", "api", "api-2", "notices", "deadlines", "checkpoints")


class Office:
    """`sarkmeli run` as a process."""

    def __init__(self, folder, **environment):
        self.folder = Path(folder)
        self.environment = environment
        self.process = None
        self.url = self.sandbox = ""

    def start(self, *options):
        """Start it and wait until it says that it is ready."""
        ready, tell = os.pipe()
        # The ports stay the same from one start to the next, as a service's do.
        ports = self._ports()
        known = {name: value for name, value in os.environ.items() if not name.startswith("SARKMELI_")}
        command = [sys.executable, "-m", "sarkmeli", "run", "--folder", self.folder, "--tell", str(tell)]
        with (self.folder.parent / f"{self.folder.name}.said").open("ab") as said:
            self.process = subprocess.Popen(
                [*command, *ports, *options],
                cwd=ROOT, env={**known, **self.environment}, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                pass_fds=(tell,), start_new_session=True,
            )  # fmt: skip
        os.close(tell)
        told = os.read(ready, 1)
        os.close(ready)
        assert told == b"1", self.said()
        addresses = RunFolder(self.folder).addresses()
        self.url, self.sandbox, self.smtp_port = addresses.url, addresses.sandbox, addresses.smtp_port
        return self

    def _ports(self):
        if not self.url:
            # Those that `run` takes for 0 may be anybody's by the time that a part binds them again.
            port, sandbox, smtp = (str(free_port()) for _ in range(3))
        else:
            port, sandbox = (address.rsplit(":", 1)[1] for address in (self.url, self.sandbox))
            smtp = str(self.smtp_port)
        return ["--port", port, "--sandbox-port", sandbox, "--smtp-port", smtp]

    def said(self):
        return (self.folder.parent / f"{self.folder.name}.said").read_text(errors="replace")

    def stop(self, kind=signal.SIGTERM):
        """Ask it to stop, or kill it; its status."""
        self.process.send_signal(kind)
        return self.process.wait(timeout=60)

    def outside(self, patience=60.0):
        return Outside(self.url, self.sandbox, sandbox_credentials(self.folder), patience)

    def parts(self):
        """Every part that runs, by name."""
        return {identity.name: identity for identity in recorded(self.folder / "running.json")}

    def kill(self, name):
        """kill -9 a part, if it runs just now; whether it did."""
        identity = self.parts().get(name)
        process = identity and identity.process()
        if not process:
            return False
        try:
            process.kill()
        except psutil.NoSuchProcess:
            return False
        return True

    def everybody(self):
        """The supervisor, its parts, and all their children, as processes."""
        return [self.process_info(), *self.process_info().children(recursive=True)]

    def process_info(self):
        return psutil.Process(self.process.pid)

    def ask(self, statement, database="sarkmeli"):
        """Rows straight from its PostgreSQL, as somebody who looks from outside."""
        own = self.environment.get("SARKMELI_DATABASE_URL") or embedded.conninfo(self.folder, database)
        with psycopg.connect(own, autocommit=True) as db:
            return db.execute(statement).fetchall()

    def clean_up(self):
        """Whatever the test did, nothing of it stays."""
        if self.process is not None and self.process.poll() is None:
            everybody = self.everybody()
            self.process.kill()
            self.process.wait()
            psutil.wait_procs(everybody, timeout=20)
        embedded.end_leftovers(self.folder)


def last_json(said):
    """The object on the last line."""
    return json.loads(said.strip().rsplit("\n", 1)[-1])
