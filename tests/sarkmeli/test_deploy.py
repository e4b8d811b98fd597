"""What deploy/ says of the processes is true of them: their accounts, and when they count as started."""

import os
import re
import signal
import socket
import subprocess
import sys
from configparser import ConfigParser

from running_office import ROOT

from sarkmeli import parts
from sarkmeli.settings import Settings

DEPLOY = ROOT / "deploy"
EVERY = (*parts.PARTS, *parts.WITH_KAFKA)


def unit(name):
    read = ConfigParser(interpolation=None, strict=False)
    read.optionxform = str
    read.read(DEPLOY / name)
    return read


def test_each_unit_has_an_account_of_its_own_and_says_itself_when_it_has_started():
    accounts = set(re.findall(r"^u (\S+)", (DEPLOY / "sarkmeli.sysusers.conf").read_text(), re.MULTILINE))
    api, part = unit("sarkmeli-api@.service"), unit("sarkmeli-part@.service")
    used = {part["Service"]["User"].replace("%i", name) for name in EVERY if name != "api"}
    used.add(api["Service"]["User"])
    assert len(used) == len(EVERY)
    assert accounts == used | {"sarkmeli-auditor"}
    for each in (api, part):
        assert each["Service"]["Type"] == "notify"
        assert each["Unit"]["StartLimitIntervalSec"] == "0", "a database may be away for an hour"
    owned = re.findall(r"^d /var/lib/(\S+) +\d+ +(\S+)", (DEPLOY / "sarkmeli.tmpfiles.conf").read_text(), re.MULTILINE)
    assert {owner for _, owner in owned} - {"root"} == accounts


def test_the_api_tells_the_service_manager_when_it_takes_requests(new_database, tmp_path):
    settings = Settings(folder=tmp_path, database_url=new_database(), keys_database_url=new_database())
    parts.prepare(settings)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
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
