"""The peer: a bare FastAPI application on the same server program, that reads or inserts the same rows and no more."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import uvicorn
import uvloop
from fastapi import FastAPI
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from projections.answers import ask
from projections.status import STATUS

DDL = """
CREATE SCHEMA IF NOT EXISTS bench;
CREATE TABLE IF NOT EXISTS bench.event (LIKE ledger.event INCLUDING ALL);
CREATE TABLE IF NOT EXISTS bench.address (LIKE ledger.address INCLUDING ALL);
CREATE TABLE IF NOT EXISTS bench.command (LIKE ledger.command INCLUDING ALL);
CREATE SEQUENCE IF NOT EXISTS bench.position;
"""
"""Tables like the ledger's, for the peer to insert into."""

READ = ask("SELECT * FROM {status} WHERE stream = %s", status=STATUS.applications)
EVENTS = (
    "SELECT * FROM ledger.event WHERE command_key = (SELECT command_key FROM ledger.event WHERE stream = %s LIMIT 1)"
)
ADDRESSES = "SELECT kind, key_version FROM ledger.address WHERE stream = ANY(%s)"
PUT_EVENT = """
INSERT INTO bench.event (position, stream, version, topic, plain, sealed, key_id, command_key, at, recorded_at, lineage)
VALUES (nextval('bench.position'), %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp(), %s)
"""
PUT_ADDRESS = "INSERT INTO bench.address (kind, hmac, key_version, stream) VALUES (%s, %s, %s, %s)"
PUT_COMMAND = """
INSERT INTO bench.command (month, key, body, stream, version, position)
VALUES (date_trunc('month', now()), %s, %s, %s, 2, currval('bench.position'))
"""


class Asked(BaseModel):
    """Which case."""

    case: UUID


def create_app(conninfo: str, sample: UUID) -> FastAPI:
    """``sample`` is the case whose rows are inserted over and over, under ids of their own."""
    pool = AsyncConnectionPool[AsyncConnection[Any]](
        conninfo, kwargs={"autocommit": True, "row_factory": dict_row}, min_size=4, max_size=16, open=False
    )
    rows: dict[str, list[dict[str, Any]]] = {}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await pool.open()
        async with pool.connection() as db:
            await db.execute(DDL)
            rows["events"] = await (await db.execute(EVENTS, (sample,))).fetchall()
            streams = list({row["stream"] for row in rows["events"]})
            rows["addresses"] = await (await db.execute(ADDRESSES, (streams,))).fetchall()
        yield
        await pool.close()

    app = FastAPI(lifespan=lifespan)

    @app.post("/read")
    async def read(asked: Asked) -> dict[str, Any]:
        async with pool.connection() as db:
            row = await (await db.execute(READ, (asked.case,))).fetchone()
        assert row is not None
        return {name: value for name, value in row.items() if not isinstance(value, bytes)}

    @app.post("/insert")
    async def insert(asked: Asked) -> dict[str, Any]:
        key = os.urandom(34)
        async with pool.connection() as db, db.transaction():
            streams = {row["stream"]: uuid4() for row in rows["events"]}
            for row in rows["events"]:
                known = (row["version"], row["topic"], row["plain"], row["sealed"], row["key_id"], key, row["at"])
                await db.execute(PUT_EVENT, (streams[row["stream"]], *known, row["lineage"]))
            for row in rows["addresses"]:
                await db.execute(PUT_ADDRESS, (row["kind"], os.urandom(32), row["key_version"], asked.case))
            await db.execute(PUT_COMMAND, (key, key, asked.case))
        return {"case": str(asked.case)}

    return app


@contextmanager
def running_peer(conninfo: str, sample: UUID) -> Generator[int]:
    """The peer as a process of its own; its port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    ready, tell = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.peer", conninfo, str(sample), str(port), str(tell)],
        pass_fds=(tell,), cwd=Path(__file__).resolve().parent.parent,
    )  # fmt: skip
    os.close(tell)
    try:
        if not os.read(ready, 1):
            raise RuntimeError("the peer did not start")
        yield port
    finally:
        os.close(ready)
        process.send_signal(signal.SIGTERM)
        process.wait()


async def _serve(conninfo: str, sample: UUID, port: int, tell: int) -> None:
    served = create_app(conninfo, sample)
    server = uvicorn.Server(
        uvicorn.Config(served, "127.0.0.1", port, http="httptools", log_level="error", access_log=False)
    )
    serving = asyncio.ensure_future(server.serve())
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        os.write(tell, b"1")
        break
    await serving


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(sys.argv[1], UUID(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
