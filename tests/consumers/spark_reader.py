"""Spark with Iceberg's own Java library, reading the table by its SQL catalog: fetched by Maven once, 330 MB."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).resolve().parents[2]
READERS = Path(__file__).parent / "readers"
OPENED = (
    "java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util",
    "java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs",
    "sun.security.action", "sun.util.calendar",
)  # fmt: skip
"""What Spark asks of Java's own modules, as `spark-submit` gives it."""


def ask(database: Path, files: Path, folder: Path, *queries: str) -> list[list[dict[str, Any]]]:
    """The rows that each query answers with, without what is null. ``database``: the catalog's SQLite file."""
    java, jars = _java(), _jars()
    answer = folder / "spark.out"
    ran = subprocess.run(
        [java, "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djdk.reflect.useDirectMethodHandle=false",
         *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED), "-cp", f"{jars}/*",
         str(READERS / "Spark.java"), f"jdbc:sqlite:{database}", files.as_uri(), str(answer), *queries],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-4000:]
    parts = answer.read_text().split("\n\n")[: len(queries)]
    return [[json.loads(line) for line in part.splitlines() if line] for part in parts]


def _java() -> str:
    """A Java that compiles. Skips, which REQUIRE_ALL=1 forbids, where there is none."""
    java = shutil.which("java")
    if java is None or "jdk.compiler" not in subprocess.check_output([java, "--list-modules"], text=True):
        pytest.skip("no JDK: the table was not read by Spark (Debian: openjdk-17-jdk-headless)")
    return java


def _jars() -> Path:
    """The folder of its programs. Skips where they cannot be had."""
    folder, maven = HOME / ".setup" / "spark", shutil.which("mvn")
    with (folder.parent / "spark.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder
        if maven is None:
            pytest.skip("no Maven to fetch Spark with (Debian: maven)")
        fetched = folder.with_suffix(".new")
        shutil.rmtree(fetched, ignore_errors=True)
        ran = subprocess.run(
            [maven, "--quiet", "--batch-mode", f"--file={READERS / 'spark.xml'}", "dependency:copy-dependencies",
             f"-DoutputDirectory={fetched}"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ran.returncode:
            pytest.skip(f"Maven could not fetch Spark: {(ran.stdout + ran.stderr).strip()[-600:]}")
        fetched.rename(folder)
    return folder
