"""A small stand-in for an Iceberg REST catalog, over HTTP, with a SQL catalog behind it: what our tables ask of one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pyiceberg.catalog.rest import CreateTableRequest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.table import CommitTableRequest

TOKEN = "of-the-office"
CONFLICTS = (CommitFailedException, NamespaceAlreadyExistsError, TableAlreadyExistsError)


class Asked(BaseHTTPRequestHandler):
    """The operations of the REST catalog's OpenAPI that make a namespace, make, load and change a table."""

    protocol_version = "HTTP/1.1"
    catalog: SqlCatalog

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: Any) -> None:
        told = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def loaded(self, table: Any) -> dict[str, Any]:
        metadata = json.loads(table.metadata.model_dump_json())
        return {"metadata-location": table.metadata_location, "metadata": metadata, "config": {}}

    def do(self, body: Any) -> Any:
        path = self.path.split("?")[0].removeprefix("/v1/").split("/")
        if path == ["config"]:
            return {"defaults": {}, "overrides": {}}
        if path == ["namespaces"]:
            self.catalog.create_namespace(tuple(body["namespace"]))
            return body
        if len(path) == 3:
            asked = CreateTableRequest.model_validate({"location": None, "write-order": None, **body})
            made = self.catalog.create_table(
                (path[1], asked.name), asked.table_schema, partition_spec=asked.partition_spec,
                properties=asked.properties,
            )  # fmt: skip
            return self.loaded(made)
        table = self.catalog.load_table((path[1], path[3]))
        if body is None:
            return self.loaded(table)
        change = CommitTableRequest.model_validate(body)
        done = self.catalog.commit_table(table, change.requirements, change.updates)
        return {"metadata-location": done.metadata_location, "metadata": json.loads(done.metadata.model_dump_json())}

    def handle_it(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.answer(401, {"error": {"message": "who are you?", "type": "NotAuthorizedException", "code": 401}})
            return
        try:
            self.answer(200, self.do(body))
        except NoSuchTableError as none:
            self.answer(404, {"error": {"message": str(none), "type": "NoSuchTableException", "code": 404}})
        except CONFLICTS as conflict:
            self.answer(409, {"error": {"message": str(conflict), "type": "CommitFailedException", "code": 409}})

    def do_GET(self) -> None:
        self.handle_it()

    def do_POST(self) -> None:
        self.handle_it()


@contextmanager
def rest_catalog(folder: str) -> Iterator[str]:
    """The address of one that keeps its tables in ``folder``."""
    handler = type("OfThisTest", (Asked,), {
        "catalog": SqlCatalog("rest", uri=f"sqlite:///{folder}/rest.db", warehouse=f"file://{folder}/files"),
    })  # fmt: skip
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
