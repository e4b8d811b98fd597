"""``python -m sandbox``: run the sandbox until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from collections.abc import Generator
from pathlib import Path

import uvicorn

from sandbox.app import create_app
from sandbox.settings import Credentials, Settings

log = logging.getLogger("sandbox")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description="Stand-ins for the office's neighbours.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (HTTP and SMTP)")
    parser.add_argument("--port", type=int, default=8100, help="HTTP port")
    parser.add_argument("--smtp-port", type=int, default=8125, help="SMTP port")
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps everything between starts")
    parser.add_argument("--service-url", required=True, help="the service's own address, e.g. http://127.0.0.1:8000")
    parser.add_argument("--public-url", help="the sandbox's own address, if not http://HOST:PORT")
    parser.add_argument("--smtp-security", choices=("none", "starttls", "tls"), default="none")
    parser.add_argument("--smtp-login", action="store_true", help="take mail only after log-in")
    parser.add_argument("--late-after", type=float, default=20.0, metavar="SECONDS", help="how late a late callback is")
    parser.add_argument("--slow-after", type=float, default=8.0, metavar="SECONDS", help="how long the slow card takes")
    return parser.parse_args()


class Server(uvicorn.Server):
    """Ends with status 0 when told to stop, where uvicorn would have the signal end the process once more."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


async def serve(told: argparse.Namespace) -> None:
    """Listen until a signal says to stop."""
    told.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = Settings(
        folder=told.state,
        public_url=(told.public_url or f"http://{told.host}:{told.port}").rstrip("/"),
        service_url=told.service_url.rstrip("/"),
        credentials=Credentials.keep(told.state),
        smtp_host=told.host,
        smtp_port=told.smtp_port,
        mail_security=told.smtp_security,
        mail_login=told.smtp_login,
        late_after=told.late_after,
        slow_after=told.slow_after,
    )
    server = Server(
        uvicorn.Config(
            create_app(settings),
            told.host,
            told.port,
            http="httptools",
            ws="none",
            proxy_headers=False,
            log_level="error",
            access_log=False,
            timeout_graceful_shutdown=2,
        )
    )
    log.info("sandbox at %s, mail at %s:%d", settings.public_url, told.host, told.smtp_port)
    await server.serve()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    asyncio.run(serve(arguments()))


if __name__ == "__main__":
    main()
