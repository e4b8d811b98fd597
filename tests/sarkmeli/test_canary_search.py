"""The search for canaries finds what it looks for, however it is written and whatever it is packed in."""

import base64
import gzip
import io
import quopri
import random
import textwrap
import zipfile
import zlib
from pathlib import Path

import canary_attacker
import psycopg
import pytest
from canaries import MARKERS, Told
from canary_finds import Finds
from canary_papers import letter
from canary_unpacking import pglz, unpacked

from ledger.aead import FORMAT

NOISE = random.Random(7).randbytes(3000)


def zipped(content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", content)
    return out.getvalue()


def folded(content):
    return "\n".join(textwrap.wrap(base64.b64encode(NOISE[:100] + content + NOISE[:100]).decode(), 76)).encode()


def raw_deflated_in_the_middle(content):
    return NOISE + zlib.compress(content, 9) + NOISE


WRITTEN = {
    "as it is": lambda word: word.encode(),
    "in capitals": lambda word: word.upper().encode(),
    "JSON": lambda word: "".join(f"\\u{ord(letter):04x}" if ord(letter) > 127 else letter for letter in word).encode(),
    "UTF-16, little end first": lambda word: word.encode("utf-16-le"),
    "UTF-16, big end first": lambda word: word.encode("utf-16-be"),
    "bytea": lambda word: b"\\x" + word.encode().hex().encode(),
    "hexadecimal of UTF-16": lambda word: word.encode("utf-16-be").hex().encode(),
    "quoted-printable": lambda word: quopri.encodestring(b"because of " * 6 + word.encode()),
    "octal": lambda word: "".join(f"\\{byte:03o}" if byte > 126 else chr(byte) for byte in word.encode()).encode(),
}
PACKED = {
    "nothing": bytes,
    "gzip": gzip.compress,
    "zlib among noise": raw_deflated_in_the_middle,
    "zip": zipped,
    "base64": base64.b64encode,
    "base64 for URLs": base64.urlsafe_b64encode,
    "folded base64": folded,
    "hexadecimal": lambda content: content.hex().encode(),
    "capital hexadecimal": lambda content: content.hex().upper().encode(),
    "gzip in folded base64 in hexadecimal": lambda content: folded(gzip.compress(content)).hex().encode(),
    "hexadecimal in gzip in gzip": lambda content: gzip.compress(gzip.compress(content.hex().encode())),
}


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("writing", WRITTEN)
@pytest.mark.parametrize("script", ["latin", "georgian"])
def test_a_word_is_found_and_named(tmp_path, script, writing, packing):
    told = Told()
    word = told.word("case 001: word", script)
    found = names(tmp_path, told, PACKED[packing](NOISE + b" " + WRITTEN[writing](word) + b" " + NOISE))
    assert "case 001: word" in found
    assert found - {"case 001: word"} <= MARKERS.keys(), "its beginning may stand at a line's end"


def test_words_are_found_in_a_compressed_pdf(tmp_path):
    told = Told()
    content = letter(told.words_of("case 001"), compressed=True)
    assert b"Zvabqudok" not in content
    assert names(tmp_path, told, content) == {"case 001: PDF page", "case 001: PDF title", "case 001: PDF XMP"}


def test_what_is_not_there_is_not_found(tmp_path):
    told = Told()
    told.word("case 001: word")
    assert names(tmp_path, told, gzip.compress(NOISE) + NOISE.hex().encode()) == set()


@pytest.mark.parametrize(("storage", "least"), [("MAIN", 1), ("EXTENDED", 200)])
def test_words_are_found_in_what_postgresql_compressed(tmp_path, new_database, storage, least):
    """In a row, and at the beginning of what is kept outside it."""
    told, noise = Told(), random.Random(3)
    word = told.word("case 001: word")
    told_of = " ".join(f"{noise.randrange(10**6)} of many" for _ in range(least * 20)) + f" {word} "
    with psycopg.connect(new_database(), autocommit=True) as db:
        db.execute("CREATE TABLE said (text text)")
        db.execute(f"ALTER TABLE said ALTER COLUMN text SET STORAGE {storage}")
        db.execute("INSERT INTO said VALUES (%s)", (word[:5] * 600 + " " + word + " " + told_of,))
        db.execute("CHECKPOINT")
        assert db.execute("SELECT pg_column_compression(text) FROM said").fetchall() == [("pglz",)]
        toasted = "(SELECT reltoastrelid FROM pg_class WHERE oid = 'said'::regclass)"
        of = "'said'" if storage == "MAIN" else f"{toasted}::regclass"
        [(folder, path)] = db.execute(
            f"SELECT current_setting('data_directory'), pg_relation_filepath({of})"
        ).fetchall()
    content = Path(folder, path).read_bytes()
    assert word.encode() not in content
    assert names(tmp_path, told, content) == {"case 001: word"}


def test_what_is_no_pglz_ends():
    assert pglz(bytes(16), 16) == bytes(14)
    assert pglz(b"\x01\xff\xff" * 20, 1000) == b""
    assert list(unpacked(NOISE)) == []


def names(folder, told, content):
    """What is found in these bytes and in what is packed in them."""
    files = [folder / "as it is", folder / "unpacked"]
    files[0].write_bytes(content)
    files[1].write_bytes(b"\0\0\0\0".join(unpacked(content)))
    scratch = folder / "scratch"
    scratch.mkdir()
    return Finds(told, scratch).in_each({"sink": files}, {})["sink"].keys()


@pytest.mark.parametrize(("before", "after"), [(b"\x9d", bytes(6)), (bytes(4), bytes(4))])
def test_the_attacker_knows_a_wrapped_key_by_itself_and_not_by_what_follows(before, after):
    """One in 256 ends in a zero, and in a table's page zeros follow."""
    wrapped = b"\x05" * (canary_attacker.WRAPPED - 1) + b"\0"
    assert canary_attacker._KEY.findall(b"row" + before + FORMAT + wrapped + after) == [wrapped]
