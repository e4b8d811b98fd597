"""No personal value and no secret stands in clear anywhere on the disk of a running office: searched byte by byte."""

import contextlib
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
from canaries import Told, Watching
from canary_applicant import Applicant
from canary_attacks import Attacks
from canary_schema import places
from canary_story import Stories
from in_clear import Search, dump, files_under, leave_uncompressed
from running_office import PARTS, ROOT, Office

from ledger.keys import KeyStore
from sarkmeli import embedded
from sarkmeli.neighbours import sandbox_credentials
from sarkmeli.server_settings import remarks

CONTROL = {"the control": "Kontrolzvabq", "the Georgian control": "ჯღჟჭფძ"}
CONTROL_CODE = "271828"
DATABASES = ("sarkmeli", "sarkmeli_keys")
TALKATIVE = {
    "log_min_messages": "info",
    "log_statement": "all",
    "log_min_error_statement": "debug5",
    "log_error_verbosity": "verbose",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "log_min_duration_statement": "0",
}
"""PostgreSQL as somebody might set it: whatever reaches it then stands in its log."""
NEVER_KEPT = re.compile("User-Agent|Referer|X-Request-ID|name of a file|wrong code")


@pytest.fixture
def watched(office_folder):
    """Starts offices that have no temporary folder, log all they can, and believe where a client says it is."""
    started = []

    def start(**environment):
        office = Office(
            office_folder,
            PYTHONPATH=str(Path(__file__).parent / "watched"),
            PYTHONDONTWRITEBYTECODE="1",
            TMPDIR=str(office_folder.parent / "there-is-none"),
            SARKMELI_LOG_LEVEL="debug",
            SARKMELI_TRUSTED_PROXIES='["127.0.0.1/32", "::1/128"]',
            SARKMELI_DEADLINES_EVERY="0.5",
            **environment,
        )
        started.append(office)
        office.start()
        let_postgresql_talk(office)
        return office

    yield start
    for office in started:
        office.clean_up()


def test_nothing_is_found_in_clear(watched, office_folder, tmp_path):
    notes = tmp_path / "opened-to-write"
    office = watched(SARKMELI_TEST_NOTES=str(notes))
    told = Told()
    with contextlib.closing(client(office, told)) as outside:
        one, attacks = Stories(outside, told).tell(), Attacks(outside, told)
        assert places() - told.places == set(), "a text that may be kept and that nobody told here"
        attacks.tell(one)
        assert attacks.while_everything_fails(one, lambda: spoil(office)) > 5
        spoil(office, back=True)
        assert_no_core_is_left(office)
        told.secrets |= keys_in_use(office)
        controls = plant(office)
        kill(office)
        assert (office.folder / "logs" / "postgres.log").read_bytes().count(b"DETAIL:  Parameters: $1 = ") > 500
        assert_clean(office, told, tmp_path, controls)

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


def test_every_word_is_found_where_sealing_is_off(watched, tmp_path):
    """The control of all controls: the same search, the same words, the same office, only without encryption."""
    office = watched(SARKMELI_TEST_SEALING="off")
    told = Told()
    with contextlib.closing(client(office, told)) as outside:
        one = Applicant(outside, "in clear", personal_number="01008012345").files()
        one.status()
        for name in DATABASES:
            settle(office, name)
    kill(office)
    words = {f"{where} {word}": word for word, where in told.words.items() if not NEVER_KEPT.search(where)}
    assert len(words) > 20
    found = search(office, words, tmp_path)
    assert {each.name for each in found} == words.keys()
    of_the_form = {where for where in words if "name" in where or "street" in where}
    for place in ("postgres/base", "postgres/pg_wal", "logs/postgres.log"):
        found = {each.name for each in search(office, words, tmp_path, below=place)}
        assert of_the_form <= found, place
    found = {each.name for each in search(office, words, tmp_path, below="files")}
    assert any("Exif" in name for name in found)
    assert any("PDF" in name for name in found)
    assert search(office, {"number": one.number.replace(" ", "")}, tmp_path)


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
    assert list(remarks(conninfo)) == []
    with psycopg.connect(conninfo, autocommit=True) as db:
        db.execute(f"ALTER DATABASE {db.info.dbname} SET {setting} = '{value}'")
    assert [remark.partition(": ")[2] for remark in remarks(conninfo)] == told


def client(office, told):
    return Watching(told, office.url, office.sandbox, sandbox_credentials(office.folder), 60.0)


def let_postgresql_talk(office):
    """Have PostgreSQL log all that reaches it from now on, and pack nothing; sessions that began before are ended."""
    for name, value in TALKATIVE.items():
        run(office, "postgres", f"ALTER ROLE {embedded.SUPERUSER} SET {name} = '{value}'")
    for name in DATABASES:
        leave_uncompressed(embedded.conninfo(office.folder, name))
    assert office.ask("SHOW wal_compression") == [("off",)]
    others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    run(office, "postgres", f"SELECT pg_terminate_backend(pid) {others}")


def run(office, database, *statements):
    with psycopg.connect(embedded.conninfo(office.folder, database), autocommit=True) as db:
        for statement in statements:
            db.execute(statement)


def spoil(office, back=False):
    """The tables are not where the office looks for them: whatever it does fails, and is logged."""
    for schema in ("ledger", "housekeeping"):
        names = (f"{schema}_away", schema) if back else (schema, f"{schema}_away")
        run(office, "sarkmeli", "ALTER SCHEMA {} RENAME TO {}".format(*names))


def settle(office, database):
    run(office, database, "ANALYZE", "CHECKPOINT")


def plant(office):
    """The control: words like the canaries, written wherever a search must find them; where that is."""
    both = " ".join((*CONTROL.values(), CONTROL_CODE))
    places = [
        office.folder.parent / "run.said",
        office.folder / "files" / "control",
        office.folder / "keys" / "control",
    ]
    places += [office.folder / "logs" / f"{part}.log" for part in PARTS]
    for path in places:
        with path.open("a") as file:
            file.write(f"{both}\n")
    for name in DATABASES:
        run(office, name, f"CREATE TABLE control AS SELECT '{both}' AS text FROM generate_series(1, 20)")
        settle(office, name)
        for table in ("control", "pg_statistic"):
            ((path,),) = office.ask(f"SELECT pg_relation_filepath('{table}')", name)
            places.append(office.folder / "postgres" / path)
    return {str(path.relative_to(office.folder.parent)) for path in places}


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
    assert len(told.codes) == 4
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


def kill(office):
    """End the supervisor at once, and with it everything; nobody writes any more."""
    everybody = office.everybody()
    office.stop(signal.SIGKILL)
    assert psutil.wait_procs(everybody, timeout=20)[1] == []


def assert_no_core_is_left(office):
    for process in office.everybody():
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits), process.cmdline()
