"""An office that is watched: it logs all it can, believes where a client says it is, and can be told words to find."""

import signal
from pathlib import Path

import psutil
import psycopg
from running_office import PARTS, Office

from sarkmeli import embedded

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

SETTINGS = {
    "PYTHONPATH": str(Path(__file__).parent / "watched"),
    "PYTHONDONTWRITEBYTECODE": "1",
    "SARKMELI_LOG_LEVEL": "debug",
    "SARKMELI_TRUSTED_PROXIES": '["127.0.0.1/32", "::1/128"]',
    "SARKMELI_DEADLINES_EVERY": "0.5",
}


def watched(folder, **environment):
    """An office, not started yet. Whoever gives it no folder for temporary files gives it none."""
    temporary = {"TMPDIR": str(folder.parent / "there-is-none")}
    return Office(folder, **SETTINGS, **temporary | environment)


def let_postgresql_talk(office):
    """Have PostgreSQL log all that reaches it from now on, whoever asks; sessions that began before are ended."""
    for database in (*DATABASES, "postgres"):
        for name, value in TALKATIVE.items():
            run(office, "postgres", f"ALTER DATABASE {database} SET {name} = '{value}'")
    others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    run(office, "postgres", f"SELECT pg_terminate_backend(pid) {others}")


def run(office, database, *statements):
    with psycopg.connect(embedded.conninfo(office.folder, database), autocommit=True) as db:
        for statement in statements:
            db.execute(statement)


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


def kill(office):
    """End the supervisor at once, and with it everything; nobody writes any more."""
    everybody = office.everybody()
    office.stop(signal.SIGKILL)
    assert psutil.wait_procs(everybody, timeout=20)[1] == []
