"""No personal value and no secret stands in clear anywhere on the disk of a running office: searched byte by byte."""

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from canaries import Told, Watching
from canary_attacks import Attacks
from canary_office import CONTROL, CONTROL_CODE, DATABASES, kill, plant, run, settle
from canary_schema import places
from canary_story import Stories
from canary_taxpayer import Registrations
from in_clear import Search, dump, files_under, leave_uncompressed
from running_office import PARTS, ROOT
from stream_attacker import Stream, closed_words

from consumers.relay.publication import Publication
from housekeeping.publication import Numbering
from ledger.connecting import reading_pool
from ledger.keys import KeyStore
from ledger.opening import open_ledger
from sarkmeli import embedded
from sarkmeli.neighbours import sandbox_credentials
from sarkmeli.server_settings import remarks


@pytest.fixture
def uncompressed(watched):
    """Starts offices that are watched and whose PostgreSQL packs nothing, so that all can be read byte by byte."""

    def start(**environment):
        office = watched(**environment)
        for name in DATABASES:
            leave_uncompressed(embedded.conninfo(office.folder, name))
        assert office.ask("SHOW wal_compression") == [("off",)]
        return office

    return start


def test_nothing_is_found_in_clear(uncompressed, office_folder, tmp_path):
    notes = tmp_path / "opened-to-write"
    office = uncompressed(SARKMELI_TEST_NOTES=str(notes))
    told = Told()
    with contextlib.closing(client(office, told)) as outside:
        one, attacks = Stories(outside, told).tell(), Attacks(outside, told)
        Registrations(outside, told).tell()
        assert places() - told.places == set(), "a text that may be kept and that nobody told here"
        attacks.tell(one)
        assert attacks.while_everything_fails(one, lambda: spoil(office)) > 5
        spoil(office, back=True)
        assert_no_core_is_left(office)
        told.secrets |= keys_in_use(office)
        published = publish(office)
        controls = plant(office)
        kill(office)
        assert (office.folder / "logs" / "postgres.log").read_bytes().count(b"DETAIL:  Parameters: $1 = ") > 500
        assert_clean(office, told, tmp_path, controls)
        assert_no_answer_joins_a_record(told, published)

        office.start()
        outside.ask("Status", number=one.number, code=one.code)
    for name in DATABASES:
        settle(office, name)
        assert dump(embedded.conninfo(office.folder, name), office.folder / f"{name}.dump") > 60
    assert office.stop() == 0
    controls = {path.replace(".log", ".earlier.log") for path in controls}
    assert_clean(office, told, tmp_path, controls | {f"run/{name}.dump" for name in DATABASES})
    assert_no_code_is_told(office, told)
    written = {Path(line) for line in notes.read_text().splitlines()}
    assert office.folder / "logs" / "api.log" in written
    assert {path for path in written if office.folder not in path.parents} <= {Path("/dev/null")}


@pytest.mark.parametrize("last", ["program", "thread", "loop", "finaliser"])
def test_last_words_say_kind_and_place_and_nothing_more(last):
    program = Path(__file__).parent / "last_words.py"
    done = subprocess.run(
        [sys.executable, program, last], env={"PYTHONPATH": ROOT}, capture_output=True, text=True, timeout=60
    )
    said = done.stdout + done.stderr
    assert "ValueError" in said
    assert "last_words.py" in said
    assert "Zvabqudok" not in said


def test_the_embedded_server_logs_no_value_of_a_statement(shared_office):
    with psycopg.connect(embedded.conninfo(shared_office.folder, "sarkmeli"), autocommit=True) as db:
        db.execute("CREATE TEMPORARY TABLE once (word text PRIMARY KEY)")
        for _ in range(2):
            with contextlib.suppress(psycopg.errors.UniqueViolation):
                db.execute("INSERT INTO once VALUES (%s)", ("Zvabqudok",))
        with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="Zvabqudok"):
            db.execute("SELECT %s::uuid", ("Zvabqudok",))
    log = shared_office.folder / "logs" / "postgres.log"
    assert "ready to accept connections" in log.read_text()
    assert "Zvabqudok" not in log.read_text()


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("log_statement", "all", ["set log_parameter_max_length to 0"]),
        ("log_min_duration_statement", "100", ["set log_parameter_max_length to 0"]),
        ("log_parameter_max_length_on_error", "-1", ["set log_parameter_max_length_on_error to 0"]),
        ("log_min_error_statement", "debug5", []),
    ],
)
def test_a_server_of_ones_own_that_logs_values_is_remarked_upon(new_database, setting, value, told):
    conninfo = new_database()
    in_memory = "fsync is off: a power cut may tear the ledger"  # which is so of every test's server
    assert list(remarks(conninfo)) == [in_memory]
    with psycopg.connect(conninfo, autocommit=True) as db:
        db.execute(f"ALTER DATABASE {db.info.dbname} SET {setting} = '{value}'")
    assert [remark.partition(": ")[2] for remark in remarks(conninfo) if remark != in_memory] == told


def client(office, told):
    return Watching(told, office.url, office.sandbox, sandbox_credentials(office.folder), 60.0)


def spoil(office, back=False):
    """The tables are not where the office looks for them: whatever it does fails, and is logged."""
    for schema in ("ledger", "housekeeping"):
        names = (f"{schema}_away", schema) if back else (schema, f"{schema}_away")
        run(office, "sarkmeli", "ALTER SCHEMA {} RENAME TO {}".format(*names))


def publish(office):
    """Everything that may leave the house, into a file that is searched like every other."""
    ledger, keys = (embedded.conninfo(office.folder, name) for name in DATABASES)
    with (
        contextlib.closing(open_ledger(ledger, keys, office.folder / "keys")) as opened,
        reading_pool(ledger, 2) as pool,
    ):
        publication = Publication(opened.reader, opened.keys, Numbering(pool), "sarkmeli", 1)
        records = publication.records(opened.reader.follow(0, 1_000_000))
    assert len({record.key for record in records}) >= 5
    told = [value for record in records for value in (record.key, record.value, *(text for _, text in record.headers))]
    (office.folder / "public-stream").write_bytes(b"\n".join(told))
    return records


def assert_no_answer_joins_a_record(told, published):
    """Nothing that GraphQL ever answered is, or is made by any common function into, a value that few records hold.

    But for times and sums: decision 40 says against whom the stream stands.
    """
    described = json.loads((Path(ROOT) / "asyncapi.json").read_text())
    stream = Stream(published, closed_words(described) | {"GEL", "50.00", "100.00"})
    assert stream.rare
    assert len(told.answers) > 300
    assert stream.joins(told.answers) == {}


def assert_clean(office, told, scratch, places):
    """Not one canary and not one secret is found; the control is, in each of ``places`` and in the write-ahead log."""
    secrets = {name: value for name, value in sandbox_credentials(office.folder).items() if len(value) > 16}
    found = search(office, CONTROL | told.wanted() | secrets, scratch)
    where = {str(each.path.relative_to(office.folder.parent)) for each in found if each.name in CONTROL}
    assert places <= where
    assert any("pg_wal" in place for place in where)
    leaks = [each for each in found if each.name not in CONTROL and each.path.name != each.name]
    assert not leaks, "\n".join(f"{told.named(str(each).encode())}: {each}" for each in leaks[:40])


def assert_no_code_is_told(office, told):
    """One-time codes have six digits, which may stand anywhere by chance: looked for where they stand alone."""
    files = [*(office.folder / "logs").iterdir(), *office.folder.glob("*.dump")]
    assert len(told.codes) == 13
    assert len(telling(files, CONTROL_CODE)) > len(PARTS)
    assert not [path for code in told.codes for path in telling(files, code)]


def telling(files, code):
    alone = re.compile(rf"(?<![\w.]){code}(?!\w)".encode())
    return [path for path in files if alone.search(path.read_bytes())]


def keys_in_use(office):
    """The keys in the key folder, by their files' names, and the subjects' keys that they open."""
    found = {path.name: longest_line(path.read_bytes()) for path in (office.folder / "keys").glob("*.key")}
    conninfo = embedded.conninfo(office.folder, DATABASES[1])
    with contextlib.closing(KeyStore(conninfo, office.folder / "keys")) as keys:
        for (subject,) in office.ask("SELECT id FROM keystore.subject", DATABASES[1]):
            held = keys.subject_key(subject)
            found |= {f"key of {subject}": longest_line(held.key), f"salt of {subject}": longest_line(held.salt)}
    assert len(found) > 10
    return found


def longest_line(content):
    """The longest piece of some bytes that grep can look for."""
    return max(content.split(b"\n"), key=len)


def search(office, wanted, scratch, below=""):
    folder = office.folder / below if below else office.folder.parent
    files = [folder] if folder.is_file() else files_under(folder, but={office.folder / "sandbox"})
    return Search(wanted).through(files, scratch)


def assert_no_core_is_left(office):
    for process in office.everybody():
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits), process.cmdline()
