"""Whoever has carried away every sink, of now and of earlier, and has every key that is left: what they can read.

They need no row whole and know no place: AES-GCM opens without its tag, so each offset in every byte at which something
sealed could begin is tried with each key, and each wrapped key that lies anywhere with each key that could wrap it.
"""

import json
import re
from collections import defaultdict
from uuid import UUID

from canary_finds import words_in
from canary_unpacking import unpacked
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from domain.people import SubjectId
from gateways.files import FileDamaged, Files, open_store
from ledger.aead import FORMAT, KEY_BYTES, NONCE_BYTES, Tampered, bind, decrypt
from ledger.minting import SALT_BYTES

BEGINS = (b'{"class_version"', b'{"told": "text",')
"""The first block of what an event seals, and of what is handed from one side of a call to the other."""
HEAD = NONCE_BYTES + 16
WRAPPED = NONCE_BYTES + KEY_BYTES + SALT_BYTES + 16

# Whatever is sealed looks like chance, and three zeros in a row do not; much else in tables is little but zeros. What
# follows may be zeros, so nobody looks past the end: a key that ends in a zero is one, too.
_SEALED = re.compile(FORMAT + rb"(?=((?:(?!\0\0\0).){%d}..))" % (HEAD - 2), re.DOTALL)
_KEY = re.compile(
    rb"(?:%c|\0\0\0\0)(?=%b((?:(?!\0\0\0).){%d}..))" % ((WRAPPED + 2) * 2 + 1, FORMAT, WRAPPED - 2), re.DOTALL
)
_FILE = re.compile(rb"SARKFILE\x01.{4}(.{16})(.{16})", re.DOTALL)


class Attacker:
    """``told``: to know the canaries when they are seen."""

    def __init__(self, told):
        self.told = told
        self._values = {value: name.partition(" #")[0] for name, value in told.secrets.items()}
        self._sealed = defaultdict(list)
        self._wrapped = set()
        self._stores = []

    def carries(self, when, contents):
        """Takes sinks along: ``contents`` is {sink: files}, what is packed in them laid out."""
        for sink, files in contents.items():
            if sink == "files":
                self._stores.append((when, files))
                continue
            for path in files:
                content = path.read_bytes()
                for found in _SEALED.finditer(content):
                    self._sealed[found[1]].append(((when, sink), path, found.start()))
                self._wrapped.update(found[1] for found in _KEY.finditer(content))

    def keys(self, folder):
        """Every subject's key that opens with the keys in this folder, and those keys themselves."""
        held = [path.read_bytes() for path in sorted(folder.glob("*.key"))]
        assert held
        return held + [_opened(key, wrapped, KEY_BYTES) for key in held for wrapped in self._wrapped]

    def reads(self, keys):
        """{(when, sink): {what was told}}, of everything that any of these keys opens."""
        read = defaultdict(set)
        heads = list(self._sealed)
        counters = b"".join(head[:NONCE_BYTES] + b"\0\0\0\2" for head in heads)
        sealed = int.from_bytes(b"".join(head[NONCE_BYTES:] for head in heads), "big")
        wanted = [sealed ^ int.from_bytes(begins * len(heads), "big") for begins in BEGINS]
        opening = [(key, heads[index]) for key in keys for index in _equal_blocks(_ecb(key, counters), wanted)]
        for key, head in opening:
            for place, path, offset in self._sealed[head]:
                with path.open("rb") as file:
                    file.seek(offset + 1)
                    read[place] |= self._told(_opened_text(key, file.read(1 << 16)))
        for when, files in self._stores:
            read[when, "files"] |= self._in_files(files, keys)
        return read

    def _told(self, text):
        found = {self.told.words.get(word, word) for word in words_in(text)}
        try:
            document, _ = json.JSONDecoder().raw_decode(text)
        except ValueError:
            return found
        return found | {self._values[leaf] for leaf in _leaves(document) if leaf in self._values}

    def _in_files(self, paths, keys):
        found, opener = set(), _AnyKey(keys)
        slices = [(value, name) for value, name in self._values.items() if isinstance(value, bytes)]
        for path in paths:
            header = _FILE.match(path.read_bytes()[:64])
            if header is None:
                continue
            subject, file = (UUID(bytes=each) for each in header.groups())
            try:
                content = Files(open_store(str(path.parents[2])), opener).open(SubjectId(subject), file).content()
            except (LookupError, FileDamaged):
                continue
            found |= {name for value, name in slices if value in content}
            for piece in (content, *unpacked(content)):
                texts = (piece.decode(errors="ignore"), *(piece[at:].decode("utf-16-be", "ignore") for at in (0, 1)))
                found |= {self.told.words.get(word, word) for text in texts for word in words_in(text)}
        return found


class _AnyKey:
    """Unwraps a file's key with whichever key opens it: every key is tried once for each key that files name."""

    def __init__(self, keys):
        self._keys = keys
        self._known = {}

    def unwrap(self, subject, wrapped, context):
        place = bind("sarkmeli file key", subject.bytes, wrapped[:16], context)
        named = subject, wrapped[:16]
        for key in [self._known[named]] if named in self._known else self._keys:
            try:
                opened = decrypt(key, wrapped[16:], place) if key else None
            except Tampered:
                continue
            if opened is not None:
                self._known[named] = key
                return opened
        self._known.setdefault(named, b"")
        raise LookupError(subject)


def _ecb(key, blocks):
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(blocks)


def _equal_blocks(blocks, wanted):
    """At which places these blocks are one of those that are wanted there."""
    for each in wanted:
        differs = (int.from_bytes(blocks, "big") ^ each).to_bytes(len(blocks), "big")
        at = -1
        while (at := differs.find(bytes(16), at + 1)) >= 0:
            if at % 16 == 0:
                yield at // 16


def _opened(key, sealed, length):
    """What is sealed, whether its tag fits or not (NIST SP 800-38D, 7.1: the first block counts as 2)."""
    counter = sealed[:NONCE_BYTES] + b"\0\0\0\2"
    return Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor().update(sealed[NONCE_BYTES:][:length])


def _opened_text(key, sealed):
    """As far as it is text: what follows is the tag, another row, or the end of a page."""
    for length in (2048, len(sealed)):
        plain = _opened(key, sealed, length)
        try:
            text = plain.decode()
        except UnicodeDecodeError as error:
            if error.start < len(plain) - 4:
                return plain[: error.start].decode()
            text = plain.decode(errors="ignore")
    return text


def _leaves(document):
    if isinstance(document, dict | list):
        for each in document.values() if isinstance(document, dict) else document:
            yield from _leaves(each)
    elif isinstance(document, str):
        yield document
