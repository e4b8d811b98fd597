"""Everything that can be carried away from an office, each kind by itself: dump, statistics, logs, backup and so on."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from hashlib import blake2b
from pathlib import Path

import psycopg
from canary_office import DATABASES, run, settle
from canary_unpacking import unpacked
from in_clear import files_under
from running_office import PARTS
from tenacity import retry, stop_after_delay, wait_fixed

from sarkmeli import embedded

PAGE = 8192
SLOT = "carried_away"
ELSEWHERE = {"postgres", "logs", "files", "sandbox", "socket", "keys"}
"""What of the office's folder is a sink of its own, or the neighbours', or is in nobody's hands but the office's."""
SEALED_FILE = b"SARKFILE"
_SEGMENT = re.compile(r"(?<![0-9A-F])[0-9A-F]{24}$")


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.2))
def _decodes(office):
    assert office.ask("SHOW wal_level") == [("logical",)]


class Sinks:
    """Gathers them. What stood on the disk before anybody applied is left out where pages are looked into.

    Made once the office runs: changes are decoded from then on, and every value's statistics kept.
    """

    def __init__(self, office, folder, temporary):
        self.office, self.folder, self.temporary = office, folder, temporary
        self.others = []
        run(office, "postgres", "ALTER SYSTEM SET wal_level = logical")
        assert office.kill("postgres")
        _decodes(office)
        for name in DATABASES:
            with self._database(name) as db:
                db.execute(f"ALTER DATABASE {name} SET default_statistics_target = 10000")
                db.execute(f"CREATE PUBLICATION {SLOT} FOR ALL TABLES WITH (publish = 'insert, update')")
                db.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (f"{SLOT}_{name}",))
                db.execute("CHECKPOINT")
        self._known = {_digest(page) for path in self._data() for page in _pages(path.read_bytes())}

    def plant(self, words):
        """The control of every search: words that it must find in each sink."""
        said = " ".join(words)
        folder = self.office.folder
        logs = [folder / "logs" / f"{part}.log" for part in PARTS if part != "postgres"]
        for path in (*logs, folder / "files" / "control", folder / "control", self.temporary / "control"):
            with path.open("a") as file:
                file.write(f"{said}\n")
        for name in DATABASES:
            run(self.office, name, "CREATE TABLE control (said text PRIMARY KEY)",
                f"INSERT INTO control SELECT '{said} ' || n FROM generate_series(1, 20) n")  # fmt: skip
        run(self.office, DATABASES[0], f"CREATE TABLE housekeeping.control AS SELECT '{said}' AS said")
        sleeping = [sys.executable, "-c", "import signal; signal.pause()", said]
        self.others.append(subprocess.Popen(sleeping, stdin=subprocess.DEVNULL))

    def close(self):
        for process in self.others:
            process.kill()
            process.wait()

    def gather(self, when):
        """What each sink holds now: {sink: files}, carried into a folder named ``when``."""
        for name in DATABASES:
            settle(self.office, name)
        self.to = self.folder / when
        self.to.mkdir(parents=True)
        found = {
            "processes": self._processes(),
            "dump": self._dump(),
            "statistics": self._copied("statistics", "pg_statistic", "pg_statistic_ext_data", "pg_stats"),
            "queues": self._queues(),
            "decoded changes": self._changes(),
            "backup": self._backup(),
            "write-ahead log": self._write_ahead_log(),
            "tables": self._carried("tables", self._data()),
        }
        logs = files_under(self.office.folder / "logs")
        server = [path for path in logs if path.name.startswith("postgres")]
        found["server log"] = self._carried("server log", server)
        said = self.office.folder.parent / f"{self.office.folder.name}.said"
        found["logs"] = self._carried("logs", [*set(logs) - set(server), said])
        shutil.copytree(self.office.folder / "files", self.to / "files")
        found["files"] = files_under(self.to / "files")
        found["temporary files"] = self._carried("temporary files", files_under(self.temporary))
        rest = files_under(self.office.folder, but={self.office.folder / name for name in ELSEWHERE})
        found["rest"] = self._carried("rest", rest)
        return found

    def laid_out(self, found):
        """{sink: files} of what can be looked into: bytes that stood there before anybody applied are left out, and
        what is packed in the others stands beside them."""
        laid = {}
        for sink, files in found.items():
            folder = self.to / "laid out" / sink
            folder.mkdir(parents=True)
            laid[sink] = [place for path in files for place in self._laid(folder, path)]
        return laid

    def _laid(self, folder, path):
        content = path.read_bytes()
        if content.startswith(SEALED_FILE):
            yield path
        for name, part in _members(path, content):
            to = folder / f"{path.name} {name.replace('/', ' ')}"
            changed = b"".join(page for page in _pages(part) if _digest(page) not in self._known)
            if _SEGMENT.search(name or path.name):
                changed += _log(part)
            for what, written in (("", changed), (" unpacked", b"\0\0\0\0".join(unpacked(changed)))):
                if written:
                    to.with_name(f"{to.name}{what}").write_bytes(written)
                    yield to.with_name(f"{to.name}{what}")

    # -- each sink -----------------------------------------------------------------------------------------------

    def _dump(self):
        return [self._ran("dump.sql", "pg_dumpall")]

    def _copied(self, name, *tables):
        path = self.to / name
        with path.open("wb") as file:
            for database in DATABASES:
                with self._database(database) as db:
                    for table in tables:
                        with db.cursor().copy(f"COPY (SELECT t::text FROM {table} t) TO STDOUT") as rows:
                            file.writelines(bytes(row) for row in rows)
        return [path]

    def _queues(self):
        """Whatever waits: notices, drafts and uploads, codes, places of the consumers."""
        tables = self.office.ask("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
                                 "WHERE schemaname = 'housekeeping'")  # fmt: skip
        path = self.to / "queues"
        with path.open("wb") as file, self._database(DATABASES[0]) as db:
            for (table,) in tables:
                with db.cursor().copy(f"COPY {table} TO STDOUT") as rows:
                    file.writelines(bytes(row) for row in rows)
        assert len(tables) > 5
        return [path]

    def _changes(self):
        """What PostgreSQL itself decodes of its write-ahead log: rows as text."""
        path = self.to / "changes"
        with path.open("wb") as file:
            for name in DATABASES:
                with self._database(name) as db:
                    changes = db.execute(
                        "SELECT data FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, "
                        "'proto_version', '1', 'publication_names', %s)",
                        (f"{SLOT}_{name}", SLOT),
                    )
                    file.writelines(row[0] + b"\n" for row in changes)
        return [path]

    def _backup(self):
        folder = self.to / "backup"
        self._ran("backup.said", "pg_basebackup", "--pgdata", folder, "--format=tar", "--gzip", "--compress=1",
                  "--wal-method=stream", "--checkpoint=fast")  # fmt: skip
        return files_under(folder)

    def _write_ahead_log(self):
        """The segments, their records in words, and the images of pages that they hold."""
        segments = sorted(path for path in (self._cluster() / "pg_wal").iterdir() if path.is_file())
        files = self._carried("segments", segments)
        images = self.to / "images"
        self._ran("records", "pg_waldump", "--save-fullpage", images, "--path", self._cluster() / "pg_wal",
                  self._first(segments), fails=True)  # fmt: skip
        whole = self.to / "images.pages"
        with whole.open("wb") as file:
            for path in sorted(images.iterdir()):
                file.write(path.read_bytes())
        shutil.rmtree(images)
        assert whole.stat().st_size > 20 * PAGE
        return [*files, self.to / "records", whole]

    def _processes(self):
        """Command line, environment, and files that are open and stand in no folder any more."""
        path = self.to / "processes"
        with path.open("wb") as file:
            for process in (*self.office.everybody(), *self.others):
                place = Path("/proc", str(process.pid))
                with contextlib.suppress(FileNotFoundError):
                    file.write((place / "cmdline").read_bytes() + (place / "environ").read_bytes())
                    for descriptor in (place / "fd").iterdir():
                        if os.readlink(descriptor).endswith("(deleted)"):
                            file.write(descriptor.read_bytes())
        return [path]

    # -- within --------------------------------------------------------------------------------------------------

    def _cluster(self):
        return embedded.cluster(self.office.folder)

    def _data(self):
        return files_under(self._cluster(), but={self._cluster() / "pg_wal"})

    def _database(self, name):
        return psycopg.connect(embedded.conninfo(self.office.folder, name), autocommit=True)

    def _first(self, segments):
        """The first segment that was not overwritten since: earlier ones are kept only to be written again."""
        oldest = self.office.ask(
            "SELECT pg_walfile_name(min(restart_lsn)) FROM pg_replication_slots WHERE slot_type = 'logical'"
        )[0][0]
        assert oldest in {path.name for path in segments}
        return oldest

    def _carried(self, name, paths):
        """Copies of what is there: some of it may go while it is carried."""
        to = self.to / name
        to.mkdir()
        for index, path in enumerate(paths):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(path, to / f"{index:05}-{path.name}")
        return files_under(to)

    def _ran(self, name, program, *arguments, fails=False):
        """What one of PostgreSQL's own programs said."""
        path = self.to / name
        place = [] if program == "pg_waldump" else ["-h", embedded.socket_folder(self.office.folder), "-U", "postgres"]
        with path.open("wb") as file:
            done = subprocess.run(
                [embedded.binary(program), *place, *arguments], stdout=file, stderr=subprocess.PIPE, check=False
            )
        assert fails or done.returncode == 0, done.stderr
        return path


def _members(path, content):
    """(name, bytes) of what a backup's archive holds; any other file as it is."""
    if not path.name.endswith(".tar.gz"):
        yield "", content
        return
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            if member.isfile():
                yield member.name, archive.extractfile(member).read()


def _log(segment):
    """The records of a segment of the write-ahead log, without the heads of the pages that they run across."""
    return b"".join(page[40 if index == 0 else 24 :] for index, page in enumerate(_pages(segment)))


def _pages(content):
    return (content[at : at + PAGE] for at in range(0, len(content), PAGE))


def _digest(page):
    return blake2b(page, digest_size=16).digest()
