"""`sarkmeli warehouse …` in processes of their own, against a real broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from warehouse_house import Stream, held, until

from consumers.warehouse.table import Place
from sarkmeli.run_folder import Addresses, RunFolder

HOME = Path(__file__).resolve().parents[2]


def test_collecting_looking_tidying_and_rebuilding(kafka: str, tmp_path: Path) -> None:
    prefix = f"lake{uuid4().hex[:8]}"
    streams = [Stream(kafka, f"{prefix}.{service}.v1").make() for service in ("compatriot", "taxpayer")]
    environment = {
        **os.environ, "PYTHONPATH": str(HOME), "SARKMELI_FOLDER": str(tmp_path), "COLUMNS": "160",
        "SARKMELI_KAFKA_BOOTSTRAP_SERVERS": kafka, "SARKMELI_KAFKA_TOPIC_PREFIX": prefix,
        "SARKMELI_WAREHOUSE_EVERY": "0.1",
    }  # fmt: skip
    where = Place(f"sqlite:///{tmp_path}/warehouse/catalog.db?timeout=30", str(tmp_path / "warehouse"))

    def warehouse(*words: str) -> tuple[int, str]:
        ran = subprocess.run(
            [sys.executable, "-m", "sarkmeli", "warehouse", *words], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        return ran.returncode, ran.stdout

    streams[0].send(range(10))
    streams[1].send(range(10, 20))
    streams[0].forget(3)
    streams[0].send([], bad=[b"?"])
    collecting = subprocess.Popen(
        [sys.executable, "-m", "sarkmeli", "warehouse", "collect"], env=environment, cwd=tmp_path,
        stdin=subprocess.DEVNULL, stdout=(tmp_path / "out").open("wb"), stderr=subprocess.STDOUT,
    )  # fmt: skip
    wanted = {**streams[0].wanted(3), **streams[1].wanted()}
    try:
        until(lambda: collecting.poll() is not None or held(where) == wanted)
        status, told = warehouse("status")
        assert status == 1, told  # something was set aside
        assert "19 facts" in told
        assert "1 tombstone remembered" in told
        location = told.partition("for other readers: file://")[2].split("\n")[0]
        assert Path(location).read_text().startswith("{")
        assert f"set aside: {prefix}.compatriot.v1-" in told
        status, told = warehouse("tidy", "--at-once")
        assert (status, "snapshots expired" in told) == (0, True), told
        status, told = warehouse("rebuild")
        assert status == 0, told
        streams[1].send([77])
        wanted = {**streams[0].wanted(3), **streams[1].wanted()}
        until(lambda: collecting.poll() is not None or held(where) == wanted)
    finally:
        collecting.send_signal(signal.SIGTERM)
        status = collecting.wait(60)
        for stream in streams:
            stream.close()
    assert (status, held(where)) == (0, wanted), (tmp_path / "out").read_text()
    environment["SARKMELI_KAFKA_BOOTSTRAP_SERVERS"] = ""
    status, told = warehouse("collect")
    assert (status, told.strip()) == (1, "SARKMELI_KAFKA_BOOTSTRAP_SERVERS is empty: there is no Kafka to speak to")
    status, told = warehouse("status")
    assert (status, "Kafka was not asked: SARKMELI_KAFKA_BOOTSTRAP_SERVERS is empty" in told) == (1, True), told
    for servers, answers in (("127.0.0.1:1", False), (kafka, True)):  # as the `run` in that folder announces them
        RunFolder(tmp_path).announce(Addresses("http://127.0.0.1:1", "http://127.0.0.1:1", 1, servers))
        status, told = warehouse("status")
        assert ("Kafka was not asked" not in told) is answers, told
        assert status == (1 if not answers or "set aside" in told else 0), told
