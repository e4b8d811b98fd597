"""Which canaries stand where: each sink searched as it is and with all that is packed in it taken out."""

import base64
import binascii
import html
import re
from collections import defaultdict
from itertools import groupby
from urllib.parse import unquote_to_bytes

from canaries import GEORGIAN, LATIN, MARKERS
from canary_office import CONTROL
from in_clear import Search

_WORD = re.compile(f"(?:{LATIN}|{GEORGIAN})[a-zა-ჰ]{{7}}", re.IGNORECASE)
_AROUND = 700
"""Bytes within which a word ends, however it is written."""


class Finds:
    """Searches for everything that was told; ``scratch`` is where what was packed is laid out."""

    def __init__(self, told, scratch):
        self.told, self.scratch = told, scratch
        self._wanted = Search(told.wanted() | CONTROL)

    def in_each(self, found, laid):
        """{sink: {what was told: a find}}; what is found and cannot be named is filed under how it looks."""
        owner = {path: sink for each in (found, laid) for sink, files in each.items() for path in files}
        finds = defaultdict(dict)
        for path, in_file in groupby(self._wanted.through(owner, self.scratch), lambda find: find.path):
            content = path.read_bytes()
            for find in in_file:
                begins = max(0, find.offset - 3)
                finds[owner[path]].setdefault(self._named(find.name, content[begins : begins + _AROUND]), find)
        return finds

    def _named(self, name, around):
        if name not in MARKERS:
            return name.partition(" #")[0]
        for text in _readings(around):
            if word := _WORD.search(text):
                return self.told.words.get(_as_minted(word), word[0])
        return name


def words_in(text):
    """Every word that is found in a text, as it was minted."""
    return {_as_minted(word) for word in _WORD.finditer(text)}


def _as_minted(word):
    return word[0].capitalize() if word[0].isascii() else word[0].lower()


def _readings(around):
    """The texts that some bytes may be: as they are, and out of hexadecimal and base64, with any escapes undone."""
    yield from _unescaped(around)
    for begins in range(4):
        yield from _unescaped(_decoded(binascii.unhexlify, rb"[0-9A-Fa-f]*", around[begins:], 2))
    for begins in range(4):
        letters = around[begins:].translate(bytes.maketrans(b"-_", b"+/"), b"\r\n")
        for skip in range(4):
            yield from _unescaped(_decoded(base64.b64decode, rb"[A-Za-z0-9+/]*", letters[skip:], 4))


def _decoded(plain, alphabet, letters, group):
    run = re.match(alphabet, letters)[0]
    return plain(run[: len(run) // group * group])


def _unescaped(around):
    yield around.decode(errors="ignore")
    for order in ("utf-16-le", "utf-16-be"):
        yield around.decode(order, errors="ignore")
        yield around[1:].decode(order, errors="ignore")
    yield re.sub(rb"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)).encode(errors="ignore"), around).decode(
        errors="ignore"
    )
    yield unquote_to_bytes(around).decode(errors="ignore")
    yield unquote_to_bytes(around.replace(b"=", b"%")).decode(errors="ignore")
    for pattern, base in ((rb"\\+x([0-9a-fA-F]{2})", 16), (rb"\\+([0-7]{3})", 8)):
        yield re.sub(pattern, lambda found, base=base: bytes([int(found[1], base) & 255]), around).decode(
            errors="ignore"
        )
    yield html.unescape(around.decode(errors="ignore"))
