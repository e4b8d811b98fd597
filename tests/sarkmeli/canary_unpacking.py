"""Takes out of bytes what is packed in them, wherever it begins: compressed, in hexadecimal or base64, folded."""

import base64
import binascii
import re
import string
import struct
import zlib
from hashlib import sha256

LARGEST = 512 * 1024 * 1024
"""Bytes that one piece may unpack to: a whole backup, and an end to what was made to grow for ever."""
DEEPEST = 4
"""A backup is gzip around tables around compressed values around files' own packing."""

_GZIP = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")
_ZLIB = re.compile(rb"[\x08\x18\x28\x38\x48\x58\x68\x78][\x01\x5e\x9c\xda]")
_ZIPPED = re.compile(rb"PK\x03\x04.{4}\x08\x00", re.DOTALL)
_VALUE = re.compile(rb"\0\0(?<=[\x01-\x80]\0\0)(?=.{2}[\0-\xff]\0)", re.DOTALL)
_ONLY_HEXADECIMAL = re.compile(rb"[0-9a-f]*|[0-9A-F]*")
_LINE_ENDS = re.compile(rb"\\?\r?\n|\\[rn]")
_FOLDED = re.compile(rb"=\r?\n")


def unpacked(content):
    """The bytes of everything that is packed within, and within that."""
    seen = set()

    def within(content, depth):
        for piece in _pieces(content):
            known = sha256(piece).digest()
            if len(piece) < 16 or known in seen:
                continue
            seen.add(known)
            yield piece
            if depth < DEEPEST:
                yield from within(piece, depth + 1)

    return within(content, 1)


def _pieces(content):
    yield from _streams(content)
    yield from _values(content)
    for letters, least, plain in (
        (b"0123456789abcdef", 24, _from_hexadecimal),
        (b"0123456789ABCDEF", 24, _from_hexadecimal),
        (b"+/-_\\\r\n" + (string.ascii_letters + string.digits).encode(), 40, _from_base64),
    ):
        piece = b"\0\0\0\0".join(plain(run) for run in _runs(content, letters, least))
        if piece.strip(b"\0"):
            yield piece
    yield b"\0\0\0\0".join(_unfolded(content))


def _unfolded(content):
    """Lines that end as in quoted-printable, joined, with what stands around them."""
    begins = end = None
    for found in _FOLDED.finditer(content):
        if end is None or found.start() > end:
            if end is not None:
                yield _FOLDED.sub(b"", content[begins:end])
            begins = max(0, found.start() - 80)
        end = found.end() + 80
    if end is not None:
        yield _FOLDED.sub(b"", content[begins:end])


def _streams(content):
    """gzip, zlib (as in a PDF or a PNG) and deflate (as in a zip), each as far as it goes."""
    for how, pattern, bits, skip in (("gzip", _GZIP, 31, 0), ("zlib", _ZLIB, 15, 0), ("zip", _ZIPPED, -15, None)):
        end = 0
        for found in pattern.finditer(content):
            begins = found.start()
            if begins < end or (how == "zlib" and int.from_bytes(content[begins : begins + 2], "big") % 31):
                continue
            if skip is None:
                name, extra = (int.from_bytes(content[begins + at : begins + at + 2], "little") for at in (26, 28))
                begins += 30 + name + extra
            piece, taken = _inflated(content, begins, bits)
            if len(piece) >= 16:
                end = begins + taken
                yield piece


def _inflated(content, begins, bits):
    """What inflates from here, also of a stream that is cut off or damaged later; how many bytes it took."""
    stream, out, at = zlib.decompressobj(bits), bytearray(), begins
    step = 256
    try:
        while not stream.eof and at < len(content) and len(out) < LARGEST:
            out += stream.decompress(content[at : at + step])
            at += step
            step = min(step * 4, 1 << 20)
    except zlib.error:
        pass
    return bytes(out), at - begins - len(stream.unused_data)


def _runs(content, letters, least):
    """Every stretch of at least so many of these letters."""
    ours = content.translate(bytes(byte in letters for byte in range(256)))
    wanted, at = b"\1" * least, 0
    while (at := ours.find(wanted, at)) >= 0:
        end = ours.find(b"\0", at)
        end = len(ours) if end < 0 else end
        yield content[at:end]
        at = end


def _values(content):
    """PostgreSQL's own compression (pglz): values within rows, and the first piece of those kept outside them.

    Both say how long they are, packed and unpacked, in two words that stand at any byte in the write-ahead log.
    """
    for found in _VALUE.finditer(content):
        begins = found.start() - 2
        word, size = struct.unpack_from("<II", content, begins) if begins >= 0 else (1, 0)
        length = (word >> 2) - 8
        if word & 1 or not 16 <= length <= size * 3 // 4 <= 100 * length or begins + 8 + 16 > len(content):
            continue
        if content[begins + 8] & 1:  # the first thing packed can repeat nothing
            continue
        inline = word & 2
        if inline or content[begins - 4 : begins] == bytes(4):
            piece = pglz(content[begins + 8 : begins + 8 + length], size)
            if len(piece) == size or (not inline and len(piece) > length):
                yield piece


def pglz(packed, size):
    """What PostgreSQL's common/pg_lzcompress.c would make of this, until it ends or makes no sense."""
    out, at, end = bytearray(), 0, len(packed)
    while at < end and len(out) < size:
        control = packed[at]
        at += 1
        for _ in range(8):
            if at >= end or len(out) >= size:
                break
            if not control & 1:
                out.append(packed[at])
                at += 1
            else:
                if at + 1 >= end:
                    return bytes(out)
                length, offset = (packed[at] & 15) + 3, (packed[at] & 0xF0) << 4 | packed[at + 1]
                at += 2
                if length == 18:
                    if at >= end:
                        return bytes(out)
                    length += packed[at]
                    at += 1
                if not 0 < offset <= len(out):
                    return b""
                for _ in range(min(length, size - len(out))):
                    out.append(out[-offset])
            control >>= 1
    return bytes(out)


def _from_hexadecimal(run):
    return binascii.unhexlify(run[: len(run) // 2 * 2])


def _from_base64(run):
    """Bytes of a run, at each of the four places where it may have begun: what is cut off before it is not known."""
    letters = _LINE_ENDS.sub(b"", run).translate(bytes.maketrans(b"-_", b"+/"), b"\\\r\n")
    if len(letters) < 40 or _ONLY_HEXADECIMAL.fullmatch(letters):
        return b""
    return b"\0\0".join(base64.b64decode(letters[at:][: (len(letters) - at) // 4 * 4]) for at in range(4))
