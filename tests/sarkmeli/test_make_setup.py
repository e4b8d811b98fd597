"""What `make` says and fetches before the first start, with programs that only write down how they were called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("requirements.lock", "web/package-lock.json", "web/build.mjs", "texts/fonts.py", "sandbox/kafka/pom.xml")
NOTES = '#!/bin/sh\necho "${0##*/} $*" >> "$CALLED"\n'


def test_set_up_says_what_it_is_at_and_fetches_a_broker_for_nobody_else(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in NEEDED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    programs, called = tmp_path / ".venv" / "bin", tmp_path / "called"
    programs.mkdir(parents=True)
    for name in ("pip", "npm", "node", "python"):
        (programs / name).write_text(NOTES)
        (programs / name).chmod(0o755)
    plain = {name: text for name, text in os.environ.items() if name not in {"KAFKA", "MAKEFLAGS", "MAKELEVEL"}}

    def make(*words: str) -> tuple[list[str], list[str]]:
        called.write_text("")
        ran = subprocess.run(
            ["make", f"PYTHON={sys.executable}", *words], env={**plain, "CALLED": str(called)}, cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
        )  # fmt: skip
        return ran.stdout.splitlines(), called.read_text().splitlines()

    said, did = make("run")
    assert [line.split()[0] for line in said] == ["Installing", "Fetching", "Fetching"], said
    assert [line.split()[0] for line in did] == ["pip", "npm", "node", "python", "python"], did
    assert did[-2:] == ["python -m texts.fonts", "python -m sarkmeli run"]
    assert make("run") == ([], ["python -m sarkmeli run"])
    said, did = make("run", "KAFKA=1")
    assert [line.split()[:4] for line in said] == [["Fetching", "a", "Kafka", "broker"]], said
    assert did == ["python -m sandbox.kafka.jars", "python -m sarkmeli run --kafka"]
    (tmp_path / ".setup" / "broker").unlink()
    assert make("test")[1][0] == "python -m sandbox.kafka.jars"
