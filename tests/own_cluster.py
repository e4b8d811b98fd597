"""A PostgreSQL cluster of a test's own: backed up, restored, streamed to a standby and promoted by its own tools."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from sarkmeli import embedded


class Cluster:
    """In a folder with a short name, for the sockets' sake. PostgreSQL refuses root, which lends it an account."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = embedded.cluster(folder)
        self.runs = False

    def make(self) -> Cluster:
        self.folder.mkdir(mode=0o755, parents=True)
        embedded.prepare(self.folder)
        # A backup must find room for its own log; durable as in service.
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.write("listen_addresses = ''\nmax_wal_senders = 4\nshared_buffers = '32MB'\n")
        return self.start()

    def start(self) -> Cluster:
        socket = embedded.socket_folder(self.folder)
        self._run("pg_ctl", "-D", str(self.data), "-l", str(socket / "log"), "-o", f"-k {socket}", "-w", "start")
        self.runs = True
        return self

    def stop(self) -> None:
        if self.runs:
            self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")
            self.runs = False

    def crash(self) -> None:
        """As if the machine had lost power: nobody is asked to end."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")
        self.runs = False

    def database(self) -> str:
        """An empty database's address."""
        name = f"t{uuid4().hex[:12]}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')  # pyright: ignore
        return self.address(name)

    def address(self, name: str) -> str:
        return f"postgresql://{embedded.SUPERUSER}@/{name}?host={embedded.socket_folder(self.folder)}"

    def conninfo(self, name: str) -> str:
        return make_conninfo(host=str(embedded.socket_folder(self.folder)), user=embedded.SUPERUSER, dbname=name)

    def back_up(self, to: Path, *options: str) -> Path:
        """A base backup, as an administrator takes one while the service works."""
        socket = str(embedded.socket_folder(self.folder))
        _given_away(to)
        command = ("-D", str(to), "-h", socket, "-U", embedded.SUPERUSER, "-X", "stream", "-c", "fast")
        self._run("pg_basebackup", *command, *options)
        return to

    def restore(self, backup: Path) -> None:
        """Put the backup in the place of what is there."""
        self.stop()
        shutil.rmtree(self.data)
        subprocess.run(["cp", "-a", str(backup), str(self.data)], check=True)
        self.start()

    def standby(self, folder: Path) -> Cluster:
        """A replica that streams from this one."""
        folder.mkdir(mode=0o755, parents=True)
        _given_away(embedded.socket_folder(folder))
        replica = Cluster(folder)
        self.back_up(replica.data, "-R")
        return replica.start()

    def promote(self) -> None:
        self._run("pg_ctl", "-D", str(self.data), "-w", "promote")

    def _run(self, program: str, *arguments: str) -> None:
        user, group, groups = embedded._run_as(embedded._account())
        done = subprocess.run(
            [embedded.binary(program), *arguments],
            user=user, group=group, extra_groups=groups, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout.decode()


def _given_away(folder: Path) -> None:
    """An empty folder of the account's that PostgreSQL runs under."""
    folder.mkdir(mode=0o700)
    user, group, _ = embedded._run_as(embedded._account())
    if user is not None and group is not None:
        shutil.chown(folder, user, group)
