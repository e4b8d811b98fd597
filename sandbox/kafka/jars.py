"""``python -m sandbox.kafka.jars``: fetch the broker's own programs by Maven, once, into ``.setup/kafka``."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / ".setup" / "kafka"
POM: Final = Path(__file__).parent / "pom.xml"


class NoBroker(Exception):
    """A broker cannot be had on this machine; says what is missing."""


def java() -> str:
    """The program that runs the broker. Raises: NoBroker."""
    found = shutil.which("java")
    if found is None:
        raise NoBroker("no Java: install a JDK or JRE of version 17 or later (Debian: openjdk-17-jre-headless)")
    return found


def jars() -> Path:
    """The folder of the broker's programs, fetched if it is not there. Raises: NoBroker."""
    if FOLDER.exists():
        return FOLDER
    maven = shutil.which("mvn")
    if maven is None:
        raise NoBroker("no Maven to fetch the broker with: install it (Debian: maven)")
    FOLDER.parent.mkdir(exist_ok=True)
    with (FOLDER.parent / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not FOLDER.exists():
            _fetch(maven)
    return FOLDER


def _fetch(maven: str) -> None:
    fetched = FOLDER.with_suffix(".new")
    shutil.rmtree(fetched, ignore_errors=True)
    goal = "dependency:copy-dependencies"
    ran = subprocess.run(
        [maven, "--quiet", "--batch-mode", f"--file={POM}", goal, f"-DoutputDirectory={fetched}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise NoBroker(f"Maven could not fetch the broker: {(ran.stdout + ran.stderr).strip()[-600:]}")
    fetched.rename(FOLDER)


if __name__ == "__main__":
    try:
        java()
        jars()
    except NoBroker as missing:
        print(f"Kafka is left out: {missing}", file=sys.stderr)  # noqa: T201 - what set-up says
