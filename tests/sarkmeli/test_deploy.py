"""What deploy/ says of the processes is true of them: their accounts, and when they count as started."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from configparser import ConfigParser

import typer
from running_office import ROOT

from sandbox.ports import free_port
from sarkmeli import parts
from sarkmeli.analytics import report
from sarkmeli.cli import app
from sarkmeli.keeping_marts import keep_marts
from sarkmeli.settings import Settings
from sarkmeli.warehouse import collect

DEPLOY = ROOT / "deploy"
EVERY = (*parts.PARTS, *parts.WITH_KAFKA)
APART = {"warehouse": "warehouse collect", "mirror": "mirror run"}
"""What has units of its own: any number of processes each, which need no role in the office's databases."""


def unit(name):
    read = ConfigParser(interpolation=None, strict=False)
    read.optionxform = str
    read.read(DEPLOY / name)
    return read


def test_each_unit_has_an_account_of_its_own_and_says_itself_when_it_has_started():
    accounts = set(re.findall(r"^u (\S+)", (DEPLOY / "sarkmeli.sysusers.conf").read_text(), re.MULTILINE))
    api, part = unit("sarkmeli-api@.service"), unit("sarkmeli-part@.service")
    apart = [unit(f"sarkmeli-{name}@.service") for name in APART]
    used = {part["Service"]["User"].replace("%i", name) for name in EVERY if name != "api"}
    used.add(api["Service"]["User"])
    assert len(used) == len(EVERY)
    assert accounts == used | {"sarkmeli-auditor"} | {each["Service"]["User"] for each in apart}
    for each in (api, part, *apart):
        assert each["Service"]["Type"] == "notify"
        assert each["Unit"]["StartLimitIntervalSec"] == "0", "a database may be away for an hour"
    owned = re.findall(r"^d /var/lib/(\S+) +\d+ +(\S+)", (DEPLOY / "sarkmeli.tmpfiles.conf").read_text(), re.MULTILINE)
    assert {owner for _, owner in owned} - {"root"} == accounts


def test_who_opens_nothing_sealed_is_not_of_the_group_that_shares_the_pin_and_the_files():
    sharing = re.findall(r"^m (\S+) +(\S+)", (DEPLOY / "sarkmeli.sysusers.conf").read_text(), re.MULTILINE)
    folders = (DEPLOY / "sarkmeli.tmpfiles.conf").read_text()
    for name, command in APART.items():
        service = unit(f"sarkmeli-{name}@.service")["Service"]
        assert service["User"] == service["Group"] == f"sarkmeli-{name}"
        assert (f"sarkmeli-{name}", "sarkmeli") not in sharing
        assert service["EnvironmentFile"] == f"/etc/sarkmeli/environment-{name}", "the office's holds its secrets"
        assert service["ExecStart"].endswith(f" -m sarkmeli {command}")
        group, word = command.split()
        assert typer.main.get_command(app).commands[group].commands[word]
        writes = service["ReadWritePaths"].split()
        assert all(re.search(rf"^d {folder} ", folders, re.MULTILINE) for folder in writes)
        assert "/var/lib/sarkmeli" not in writes


class OneRound:
    """A collector that opens the warehouse and tidies it once, and reads nothing."""

    def __init__(self, _told, open_warehouse, tidied):
        self.open_warehouse, self.tidied = open_warehouse, tidied

    def run_forever(self, _stop, _ready):
        self.tidied(self.open_warehouse())


class Once(threading.Event):
    """Tells to end as soon as it is waited for."""

    def wait(self, timeout=None):
        self.set()
        return super().wait(timeout)


def test_units_may_write_every_folder_that_their_work_writes(tmp_path, monkeypatch):
    """Outside these folders a unit finds a disk that cannot be written."""
    monkeypatch.setattr("sarkmeli.warehouse.Collector", OneRound)
    folders = (DEPLOY / "sarkmeli.tmpfiles.conf").read_text()

    def collecting(settings):
        collect(settings, threading.Event(), lambda: None)

    def telling(settings):
        keep_marts(settings, Once(), lambda: None)
        report(settings)

    for name, work, wrote in (
        ("sarkmeli-warehouse@.service", collecting, {"warehouse"}),
        ("sarkmeli-marts.service", telling, {"warehouse", "analytics"}),
    ):
        folder = tmp_path / name
        folder.mkdir()
        work(Settings(folder=folder, kafka_bootstrap_servers="127.0.0.1:1"))
        assert {path.name for path in folder.iterdir()} == wrote
        service = unit(name)["Service"]
        assert {f"/var/lib/sarkmeli/{one}" for one in wrote} <= set(service["ReadWritePaths"].split())
        for one in wrote:
            made = re.search(rf"^d /var/lib/sarkmeli/{one} +2750 (\S+) +(\S+)", folders, re.MULTILINE)
            assert made.groups() == (service["User"], service["Group"])


def test_the_marts_are_folded_apart_from_who_collects():
    """Beside it, under its account; for want of memory the fold dies and not the collector."""
    service = unit("sarkmeli-marts.service")["Service"]
    assert service["User"] == unit("sarkmeli-warehouse@.service")["Service"]["User"]
    assert service["ExecStart"].endswith(" -m sarkmeli analytics keep")
    assert service["EnvironmentFile"] == "/etc/sarkmeli/environment-warehouse"
    assert (service["Type"], service["Restart"]) == ("notify", "always")
    assert int(service["OOMScoreAdjust"]) > 0
    assert "OOMScoreAdjust" not in unit("sarkmeli-warehouse@.service")["Service"]


def test_what_collectors_count_is_where_the_api_finds_it():
    where = {unit(f"sarkmeli-{name}.service")["Service"]["Environment"] for name in ("api@", "warehouse@", "marts")}
    assert where == {"PROMETHEUS_MULTIPROC_DIR=/run/sarkmeli-metrics"}
    sharing = re.findall(r"^m (\S+) +sarkmeli-metrics", (DEPLOY / "sarkmeli.sysusers.conf").read_text(), re.MULTILINE)
    assert sharing == ["sarkmeli-api", "sarkmeli-warehouse"]


def test_the_api_tells_the_service_manager_when_it_takes_requests(new_database, tmp_path):
    settings = Settings(folder=tmp_path, database_url=new_database(), keys_database_url=new_database())
    parts.prepare(settings)
    port = free_port()
    known = {name: value for name, value in os.environ.items() if not name.startswith("SARKMELI_")}
    told = f"\0sarkmeli-{tmp_path.name}-{os.getpid()}"
    office = {
        "SARKMELI_FOLDER": str(tmp_path),
        "SARKMELI_PORT": str(port),
        "SARKMELI_DATABASE_URL": settings.database_url.get_secret_value(),
        "SARKMELI_KEYS_DATABASE_URL": settings.keys_database_url.get_secret_value(),
        "NOTIFY_SOCKET": "@" + told[1:],
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(told)
        manager.settimeout(120)
        command = [sys.executable, "-m", "sarkmeli", "api"]
        with subprocess.Popen(command, cwd=ROOT, env={**known, **office}, stdin=subprocess.DEVNULL) as process:
            assert manager.recv(64) == b"READY=1"
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                assert connection.recv(64).startswith(b"HTTP/1.1 200")
            process.send_signal(signal.SIGTERM)
        assert process.returncode == 0
