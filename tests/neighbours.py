"""A real sandbox process on loopback for tests, and a small service for it to call back."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from sandbox.ports import free_port

ROOT = Path(__file__).parent.parent
HTTP = httpx.Client(trust_env=False, verify=False, timeout=20)


@dataclass(frozen=True)
class Call:
    path: str
    signature: str
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        return json.loads(self.body)


class Service:
    """Stands where the office's service stands: takes what the bank sends, answering as `answers` says, else 204."""

    def __init__(self) -> None:
        self.calls: queue.Queue[Call] = queue.Queue()
        self.answers: queue.Queue[int] = queue.Queue()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.calls.put(Call(self.path, self.headers["X-Bank-Signature"], body))
                try:
                    status = service.answers.get_nowait()
                except queue.Empty:
                    status = 204
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def next_call(self) -> Call:
        return self.calls.get(timeout=20)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Sandbox:
    """One sandbox process and how to reach it."""

    folder: Path
    service_url: str
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    smtp_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def secrets(self) -> dict[str, str]:
        return json.loads((self.folder / "credentials.json").read_text())

    def start(self) -> Sandbox:
        where = ["--port", str(self.port), "--smtp-port", str(self.smtp_port), "--state", str(self.folder)]
        command = [sys.executable, "-m", "sandbox", *where, "--service-url", self.service_url, *self.options]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        self._ready()
        return self

    @retry(retry=retry_if_exception_type(httpx.TransportError), wait=wait_fixed(0.02), stop=stop_after_delay(30))
    def _ready(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, "the sandbox ended"
        self.ask("GET", "/ready").raise_for_status()

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        url = path if "://" in path else f"{self.url}{path}"
        return HTTP.request(method, url, **request)

    def bank(self, method: str, path: str, **request: Any) -> httpx.Response:
        key = {"Authorization": f"Bearer {self.secrets['bank_api_key']}"}
        return self.ask(method, f"/bank{path}", headers=key, **request)

    def pay(self, page_url: str, card: str = "4000000000000010", holder: str = "NATIA BERIDZE") -> httpx.Response:
        return self.ask("POST", page_url, data={"number": card, "holder": holder, "expires": "12/40", "cvc": "123"})

    def pay_cash(self, **paid: str) -> httpx.Response:
        return self.ask("POST", "/bank/cash", data={"payer": "ლია ბერიძე", **paid})

    def hasten(self) -> dict[str, int]:
        return self.ask("POST", "/bank/hasten", json={}).json()

    def mails(self, to: str, wait: float = 10) -> list[dict[str, Any]]:
        return self.ask("GET", "/mailbox/messages", params={"to": to, "wait": wait}).json()["messages"]

    def texts(self, to: str, wait: float = 10) -> list[dict[str, Any]]:
        return self.ask("GET", "/phones/messages", params={"to": to, "wait": wait}).json()["messages"]

    def token(self, account: str) -> str:
        client = (self.secrets["oidc_client_id"], self.secrets["oidc_client_secret"])
        asked = {"grant_type": "client_credentials", "scope": f"account:{account}"}
        return self.ask("POST", "/oidc/token", data=asked, auth=client).json()["access_token"]


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests of a worker that leave it as they found it; nobody takes its callbacks."""
    running = Sandbox(tmp_path_factory.mktemp("sandbox"), "http://127.0.0.1:9").start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.close()


@pytest.fixture
def own_sandbox(tmp_path: Path, service: Service) -> Iterator[Sandbox]:
    """A sandbox of the test's own, which calls back `service`."""
    running = Sandbox(tmp_path / "sandbox", service.url).start()
    yield running
    running.stop(signal.SIGKILL)
