"""Emptying the table, so that its members fill it again from the beginning of Kafka's topics."""

from __future__ import annotations

import random
import time

from consumers.warehouse.commits import Conflict, commit
from consumers.warehouse.progress import names
from consumers.warehouse.table import Warehouse


def rebuild(warehouse: Warehouse) -> int:
    """Take every fact out and forget how far the table was, in one commit. Gives how many files went.

    Members that run notice at their next write and begin anew. Which cases are forgotten stays known.
    """
    table = warehouse.facts
    while True:
        table.refresh()
        files = [] if table.metadata.current_snapshot() is None else [task.file for task in table.scan().plan_files()]
        try:
            commit(table, remove=files, drop=names(table.properties), why="rebuild")
        except Conflict:
            time.sleep(random.uniform(0, 0.2))
        else:
            return len(files)
