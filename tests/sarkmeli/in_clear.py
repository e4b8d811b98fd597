"""Looks for what must stand nowhere in clear: each value in every disguise it may wear, in every byte of a folder."""

import base64
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql


@dataclass(frozen=True)
class Found:
    """A value, how it was written, and where."""

    name: str
    form: str
    path: Path
    offset: int

    def __str__(self):
        with self.path.open("rb") as file:
            file.seek(max(0, self.offset - 60))
            around = file.read(200)
        return f"{self.name} as {self.form} in {self.path} at {self.offset}: {around!r}"


class Search:
    """For some values, by name; texts are looked for in every disguise, bytes as they are, in hexadecimal and base64.

    Matching is done by grep, all patterns at once: a few hundred megabytes against some thousand patterns take seconds.
    """

    def __init__(self, wanted):
        self.patterns = {}
        for name, value in wanted.items():
            for form, pattern in disguises(value):
                assert len(pattern) >= 5, (name, form, "would be found by chance")
                if b"\n" not in pattern:
                    self.patterns.setdefault(pattern, (name, form))

    def through(self, files, scratch):
        """Everything found in these files; ``scratch`` is a folder that is not searched."""
        patterns = scratch / "patterns"
        patterns.write_bytes(b"".join(pattern + b"\n" for pattern in self.patterns))
        command = ["grep", "--fixed-strings", "--text", "--binary", "--only-matching", "--byte-offset"]
        command += ["--with-filename", "--null", "--file", str(patterns), "--", *map(str, files)]
        told = subprocess.run(command, env={"LC_ALL": "C", "PATH": os.environ["PATH"]}, capture_output=True)
        assert told.returncode < 2, told.stderr
        assert not told.stderr, told.stderr
        return [self._found(line) for line in told.stdout.split(b"\n") if line]

    def _found(self, line):
        path, _, rest = line.partition(b"\0")
        offset, _, pattern = rest.partition(b":")
        return Found(*self.patterns[pattern], Path(os.fsdecode(path)), int(offset))


def files_under(*folders, but=()):
    """Every regular file in these folders, but not below ``but``."""
    found = []
    for folder in folders:
        for here, names, files in os.walk(folder):
            names[:] = [name for name in names if Path(here, name) not in but]
            found += [path for name in files if (path := Path(here, name)).is_file() and not path.is_symlink()]
    return found


def disguises(value):
    """(name of the form, bytes) of every way in which a value may have been written."""
    if isinstance(value, bytes):
        yield "bytes", value
        yield from _wrapped("bytes", value)
        return
    for written in {value, value.lower(), value.upper()}:
        utf8 = written.encode()
        yield "text", utf8
        yield from _wrapped("text", utf8)
        for order in ("utf-16-le", "utf-16-be"):
            yield order, written.encode(order)
            yield from _wrapped(order, written.encode(order))
        for form, spelt in _spelt(written):
            if spelt != utf8:
                yield form, spelt
                yield f"{form}, upper case", _capital_digits(spelt)
                yield from _wrapped(form, spelt)


def _spelt(written):
    """Ways of writing other than ASCII letters, digits and a few signs."""
    escaped = json.dumps(written)[1:-1]
    yield "JSON escapes", escaped.encode()
    yield "JSON escapes in JSON", escaped.replace("\\", "\\\\").encode()
    yield "URL", quote(written, safe="").lower().encode()
    yield "quoted-printable", quote(written, safe="@.-_+/: ").replace("%", "=").lower().encode()
    yield "bytes as Python shows them", repr(written.encode())[2:-1].encode()
    octal = "".join(chr(byte) if 32 < byte < 127 else f"\\{byte:03o}" for byte in written.encode())
    yield "octal escapes", octal.encode()
    yield "HTML", "".join(c if c.isascii() else f"&#{ord(c)};" for c in written).encode()
    yield "HTML, hexadecimal", "".join(c if c.isascii() else f"&#x{ord(c):x};" for c in written).encode()


def _capital_digits(spelt):
    """The same escapes with capital hexadecimal digits."""
    return re.sub(rb"(?<=[%=xu])[0-9a-f]{2,4}", lambda digits: digits[0].upper(), spelt)


def _wrapped(form, value):
    yield f"{form} in hexadecimal", value.hex().encode()
    yield f"{form} in hexadecimal, upper case", value.hex().upper().encode()
    for start in range(3):
        # The value may begin at any of three places within base64's groups; what its neighbours spoil is cut off.
        whole = base64.b64encode(b"\0" * start + value)
        core = whole[-(-8 * start // 6) : 8 * (start + len(value)) // 6]
        yield f"{form} in base64", core
        yield f"{form} in base64 for URLs", core.replace(b"+", b"-").replace(b"/", b"_")


def leave_uncompressed(conninfo):
    """Have PostgreSQL keep every long value of our tables as it is from now on, so that a search can see it."""
    with psycopg.connect(conninfo, autocommit=True) as db:
        columns = db.execute(
            "SELECT c.oid::regclass::text, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('ledger', 'reading', 'housekeeping', "
            "'keystore') AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped "
            "AND a.attstorage IN ('x', 'm')"
        ).fetchall()
        assert columns
        for table, column in columns:
            db.execute(f'ALTER TABLE {table} ALTER COLUMN "{column}" SET STORAGE EXTERNAL')


def dump(conninfo, path):
    """Write every row of every table of a database as text, catalogue and statistics too; how many tables."""
    with psycopg.connect(conninfo, autocommit=True) as db, path.open("wb") as file:
        tables = db.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'm', 't') AND n.nspname !~ '^pg_toast'"
        ).fetchall()
        for name in tables:
            copy = sql.SQL("COPY (SELECT t::text FROM {} t) TO STDOUT").format(sql.Identifier(*name))
            with db.cursor().copy(copy) as rows:
                for row in rows:
                    file.write(row)
        return len(tables)
