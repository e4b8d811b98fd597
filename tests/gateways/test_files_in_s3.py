"""Sealed files in a bucket, over S3's own protocol against a small stand-in for it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from test_files import Keys, write

from gateways.files import FileMissing, Files, open_store

MULTIPART = "<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>"
COMPLETED = "<CompleteMultipartUploadResult><ETag>&quot;e&quot;</ETag></CompleteMultipartUploadResult>"


class Bucket(BaseHTTPRequestHandler):
    """The calls of Amazon S3's REST interface that files need: whole and multipart puts, ranges, head, delete."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]
    parts: dict[str, dict[int, bytes]]

    def log_message(self, *_: object) -> None:
        pass

    def place(self) -> tuple[str, dict[str, list[str]]]:
        split = urlsplit(self.path)
        return split.path, parse_qs(split.query, keep_blank_values=True)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"ETag": '"e"', "Last-Modified": "Sun, 01 Mar 2026 00:00:00 GMT", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_PUT(self) -> None:
        place, query = self.place()
        if "partNumber" in query:
            self.parts[place][int(query["partNumber"][0])] = self.body()
        else:
            self.objects[place] = self.body()
        self.answer(200)

    def do_POST(self) -> None:
        place, query = self.place()
        body = self.body()
        if "delete" in query:
            keys = re.findall(r"<Key>(.*?)</Key>", body.decode())
            for key in keys:
                self.objects.pop(f"{place}/{key}", None)
            deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            return self.answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())
        if "uploads" in query:
            self.parts[place] = {}
            return self.answer(200, MULTIPART.encode())
        parts = self.parts.pop(place)
        self.objects[place] = b"".join(parts[number] for number in sorted(parts))
        return self.answer(200, COMPLETED.encode())

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        content = self.objects.get(self.place()[0])
        if content is None:
            return self.answer(404)
        if self.command == "HEAD":
            return self.answer(200, Content_Length=str(len(content)))
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last or len(content)), len(content) - 1) + 1
        return self.answer(206, content[start:stop], Content_Range=f"bytes {start}-{stop - 1}/{len(content)}")

    def do_DELETE(self) -> None:
        place, query = self.place()
        (self.parts if "uploadId" in query else self.objects).pop(place, None)
        self.answer(204)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Bucket]]:
    class Ours(Bucket):
        objects: dict[str, bytes] = {}
        parts: dict[str, dict[int, bytes]] = {}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ours)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    yield Ours
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("size", [0, 100_000, 12_000_000])
def test_written_read_by_range_and_erased(bucket: type[Bucket], size: int) -> None:
    keys = Keys()
    files, subject, file = Files(open_store("s3://bucket/papers"), keys), keys.mint(), uuid4()
    content = bytes(range(256)) * (size // 256)
    write(files, subject, file, content, by=300_000)
    assert all("/papers/files/" in place for place in bucket.objects)
    opened = files.open(subject, file)
    assert opened.content() == content
    assert b"".join(opened.read(70_000, 70_010)) == content[70_000:70_010]
    files.erase(file)
    with pytest.raises(FileMissing):
        files.open(subject, file)


def test_nothing_is_visible_of_what_broke_off(bucket: type[Bucket]) -> None:
    keys = Keys()
    files, subject, file = Files(open_store("s3://bucket/papers"), keys), keys.mint(), uuid4()
    with pytest.raises(ConnectionError), files.writer(subject, file) as writer:  # noqa: PT012
        writer.write(bytes(12_000_000))
        raise ConnectionError
    assert not bucket.objects
