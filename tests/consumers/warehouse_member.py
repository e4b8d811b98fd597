"""``warehouse_member.py ORDERS``: one member in a process of its own, which may end or stop itself at a commit."""

from __future__ import annotations

import json
import signal
import sys
import threading
from typing import Any

from pyiceberg.table import Table

from consumers.warehouse.collector import Collecting, Collector
from consumers.warehouse.table import Place, open_warehouse
from consumers.warehouse.tidying import Tidiness, tidy


def at_commit(number: int, moment: str, kind: int) -> None:
    """Send this process a signal just before or after its ``number``-th commit to any table.

    The thread that commits sends it to itself. Sent to the process, another thread may take it while this one goes on
    and falls asleep with the catalog locked.
    """
    commit, count = Table._do_commit, 0

    def counted(self: Table, *arguments: Any, **named: Any) -> None:
        nonlocal count
        count += 1
        if count == number and moment == "before":
            signal.raise_signal(kind)
        commit(self, *arguments, **named)
        if count == number and moment == "after":
            signal.raise_signal(kind)

    Table._do_commit = counted  # pyright: ignore


def main() -> None:
    orders = json.loads(sys.argv[1])
    if orders["at"]:
        at_commit(*orders["at"])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    where = Place(**orders["place"])
    Collector(
        Collecting(**orders["told"]),
        lambda: open_warehouse(where),
        lambda warehouse: tidy(warehouse, Tidiness(snapshots=20)),
    ).run_forever(stop)


if __name__ == "__main__":
    main()
