"""DuckDB's own reader of Iceberg, which shares no line with pyiceberg: fetched once, and asked in a process apart.

It reads the table by its metadata file and opens no catalog. The extensions bear DuckDB's signature, which it checks.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).resolve().parents[2]
LOCK = Path(__file__).parent / "readers" / "duckdb.lock"

ASK = """
import json, pathlib, sys
import duckdb, duckdb_extension_avro, duckdb_extension_iceberg

asked = json.load(sys.stdin)
db = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
for package in (duckdb_extension_avro, duckdb_extension_iceberg):
    (file,) = pathlib.Path(package.__file__).parent.rglob("*.duckdb_extension")
    db.execute(f"LOAD '{file}'")
answers = []
for query in asked:
    try:
        answers.append(db.execute(query).fetchall())
    except duckdb.Error as error:
        answers.append(str(error))
json.dump(answers, sys.stdout)
"""


class Reader:
    """Asks DuckDB of one table, by the path of its metadata file."""

    def __init__(self, packages: Path, metadata: str) -> None:
        self._packages = packages
        self._metadata = metadata.removeprefix("file://")

    def ask(self, *queries: str) -> list[Any]:
        """What each query answers with: rows, or the error's text. ``{table}`` in it is the newest snapshot, ``{at}``
        what a snapshot's number is added to, as ``{at}17)``.
        """
        table = f"iceberg_scan('{self._metadata}')"
        at = f"iceberg_scan('{self._metadata}', snapshot_from_id = "
        told = [query.format(table=table, at=at, file=f"'{self._metadata}'") for query in queries]
        ran = subprocess.run(
            [sys.executable, "-c", ASK], input=json.dumps(told), capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(self._packages), "TZ": "UTC"},
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


@functools.cache
def packages() -> Path:
    """The folder of its packages. Skips, which REQUIRE_ALL=1 forbids, where they cannot be had."""
    mark = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = HOME / ".setup" / f"duckdb-{mark}"
    folder.parent.mkdir(exist_ok=True)
    with (folder.parent / "duckdb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    fetched = folder.with_suffix(".new")
    shutil.rmtree(fetched, ignore_errors=True)
    ran = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
         "--only-binary=:all:", f"--target={fetched}", "-r", str(LOCK)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        pytest.skip(f"DuckDB's reader of Iceberg could not be fetched: {ran.stderr.strip()[-600:]}")
    fetched.rename(folder)
