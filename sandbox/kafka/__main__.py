"""``python -m sandbox.kafka``: become a broker, which keeps all it has in one folder."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from sandbox.kafka.broker import Broker, BrokerFailed
from sandbox.kafka.jars import NoBroker


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(prog="sandbox.kafka", description="A Kafka broker of one's own.")
    parser.add_argument("--folder", type=Path, required=True, help="folder that keeps everything between starts")
    parser.add_argument("--port", type=int, required=True, help="where it listens, on this machine only")
    asked = parser.parse_args()
    try:
        command = Broker(asked.folder, asked.port).prepare()
    except (BrokerFailed, NoBroker) as failure:
        sys.exit(str(failure))
    own = asked.folder / "broker.out"
    print(f"the broker's own words go to {own}", flush=True)  # noqa: T201 - for whoever started it
    with own.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    os.execv(command[0], command)  # whoever ends this process ends the broker  # noqa: S606


if __name__ == "__main__":
    main()
