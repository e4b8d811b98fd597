"""The body of an upload as it comes in: raw, or one part of multipart/form-data; never in memory or on disk whole.

Starlette's own form parser spools a file to disk in clear, so this one hands the bytes on as they arrive. A file's
name is read past: nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from domain.refusals import Refusal

FIELDS_MOST: Final = 10_000
"""Bytes that a form may hold beside its file, names and boundaries included."""


@dataclass(eq=False)
class UploadMalformed(Refusal):
    """The body is not one file: no part with a file, two of them, or cut before its end."""

    code = "UPLOAD_MALFORMED"


class Body(Protocol):
    """An upload's body. ``fields`` holds what a form said before its file."""

    fields: dict[str, str]

    async def open(self) -> None:
        """Read up to the file's first byte. Raises: UploadMalformed."""
        ...

    def file(self) -> AsyncIterator[bytes]:
        """The file's bytes as they come; after the last the body has been read to its end. Raises: UploadMalformed."""
        ...


def body_of(request: Request) -> Body:
    """The request's body by its Content-Type. Raises: UploadMalformed."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        return RawBody(request.stream())
    if not (boundary := options.get(b"boundary")):
        raise UploadMalformed
    return FormBody(request.stream(), boundary)


class RawBody:
    """The body is the file."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self.fields: dict[str, str] = {}
        self._stream = stream

    async def open(self) -> None:
        """Nothing stands before the file."""

    async def file(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            if chunk:
                yield chunk


class FormBody:
    """A form with one file."""

    def __init__(self, stream: AsyncIterator[bytes], boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self._stream = stream
        self._came: list[bytes] = []
        self._beside = 0
        self._file_begun = self._file_ended = self._ended = False
        self._within_file = False
        self._field = b""
        self._value = bytearray()
        self._header = [bytearray(), bytearray()]
        self._disposition = b""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_part_data": self._part_goes_on,
                    "on_part_end": self._part_ends,
                    "on_header_begin": self._header_begins,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_end": self._form_ends,
                },
            )
        except (FormParserError, ValueError):
            raise UploadMalformed from None

    async def open(self) -> None:
        while not self._file_begun:
            if not await self._more():
                raise UploadMalformed

    async def file(self) -> AsyncIterator[bytes]:
        while True:
            came, self._came = self._came, []
            for chunk in came:
                yield chunk
            if not await self._more():
                break
        if not self._ended:
            raise UploadMalformed

    async def _more(self) -> bool:
        """Take in the next stretch of the body; False at its end."""
        async for chunk in self._stream:
            before = sum(map(len, self._came))
            try:
                self._parser.write(chunk)
            except FormParserError:
                raise UploadMalformed from None
            self._beside += len(chunk) - (sum(map(len, self._came)) - before)
            if self._beside > FIELDS_MOST + len(chunk):
                raise UploadMalformed
            return True
        return False

    def _part_begins(self) -> None:
        self._field, self._disposition = b"", b""
        self._value.clear()

    def _header_begins(self) -> None:
        self._header = [bytearray(), bytearray()]

    def _header_name(self, came: bytes, start: int, end: int) -> None:
        self._header[0] += came[start:end]

    def _header_value(self, came: bytes, start: int, end: int) -> None:
        self._header[1] += came[start:end]

    def _header_ends(self) -> None:
        if bytes(self._header[0]).lower() == b"content-disposition":
            self._disposition = bytes(self._header[1])

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._field = options.get(b"name", b"")
        self._within_file = b"filename" in options
        if self._within_file:
            if self._file_begun:
                raise UploadMalformed
            self._file_begun = True

    def _part_goes_on(self, came: bytes, start: int, end: int) -> None:
        if self._within_file:
            self._came.append(came[start:end])
        else:
            self._value += came[start:end]

    def _part_ends(self) -> None:
        if self._within_file:
            self._within_file = False
            self._file_ended = True
        else:
            self.fields[self._field.decode("utf-8", "replace")] = self._value.decode("utf-8", "replace")

    def _form_ends(self) -> None:
        self._ended = self._file_ended
