"""`make run` as a person meets it: started, started twice, stopped, killed, begun anew, without its keys."""

import os
import shutil
import signal
import socket
import subprocess

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from running_office import PARTS, ROOT, Office, sarkmeli

from sarkmeli import embedded
from sarkmeli.neighbours import sandbox_credentials


def test_it_says_where_to_look_and_everything_answers(shared_office):
    said = shared_office.said()
    for place in ("/start", "/graphql", "/graphiql"):
        assert f"{shared_office.url}{place}" in said
    for place in ("/mailbox", "/bank"):
        assert f"{shared_office.sandbox}{place}" in said
    assert set(shared_office.parts()) == set(PARTS)
    outside = shared_office.outside()
    for place in ("/start", "/graphiql", "/health/live", "/health/ready"):
        assert outside.get(place) == 200


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


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_leaves_nothing_running(own_office, kind):
    own_office.start()
    everybody = own_office.everybody()
    assert len(everybody) > len(PARTS)
    assert own_office.stop(kind) == 0
    assert psutil.wait_procs(everybody, timeout=0)[1] == []
    assert own_office.parts() == {}
    assert not (own_office.folder / "addresses.json").exists()


def test_killed_it_takes_everything_with_it_and_starts_again_on_the_same_data(own_office):
    own_office.start()
    draft = own_office.outside().ask("OpenDraft", input={"bearer": True})["token"]
    everybody = own_office.everybody()
    own_office.stop(signal.SIGKILL)
    assert psutil.wait_procs(everybody, timeout=20)[1] == []
    own_office.start()
    assert own_office.outside().ask("Me", draft=draft)["draft"]


def test_a_postgresql_that_was_left_running_is_ended_first(own_office):
    own_office.start()
    assert own_office.stop() == 0
    with open(os.devnull, "wb") as nowhere:
        left = embedded.start(own_office.folder, nowhere.fileno())
    try:
        while not embedded.answers(own_office.folder):
            assert left.poll() is None
        own_office.start()
        assert left.wait(timeout=20) == 0
        assert "ended" in own_office.said()
    finally:
        left.kill()
        left.wait()


def test_data_without_their_keys_are_not_opened(own_office):
    own_office.start()
    assert own_office.stop() == 0
    shutil.rmtree(own_office.folder / "keys")
    status, said = sarkmeli("run", "--folder", str(own_office.folder), "--port", "0", "--sandbox-port", "0")
    assert status == 1
    assert "no keys" in said
    assert "RESET=1" in said
    assert not (own_office.folder / "keys").exists(), "no new keys were made in their place"
    own_office.start("--reset")
    assert own_office.ask("SELECT count(*) FROM ledger.event") == [(0,)]


def test_beginning_anew_removes_what_is_ours_and_nothing_else(own_office):
    own_office.folder.mkdir()
    (own_office.folder / "my-thesis.txt").write_text("chapter one")
    own_office.start()
    own_office.outside().ask("OpenDraft", input={"bearer": True})
    assert own_office.stop() == 0
    own_office.start("--reset")
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


def test_it_uses_a_postgresql_of_ones_own(office_folder, postgres):
    parts = conninfo_to_dict(postgres)
    name = f"own{os.getpid()}"
    url = f"postgresql://{parts['user']}@/{name}?host={parts['host']}"
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    office = Office(office_folder, SARKMELI_DATABASE_URL=url)
    try:
        office.start()
        assert "postgres" not in office.parts()
        assert office.outside().get("/health/ready") == 200
        assert office.stop() == 0
        assert not (office_folder / "postgres").exists()
        status, said = sarkmeli("run", "--folder", str(office_folder), "--reset", SARKMELI_DATABASE_URL=url)
        assert (status, "drop it" in said) == (1, True)
        shutil.rmtree(office_folder / "keys")
        status, said = sarkmeli("migrate", "--folder", str(office_folder), SARKMELI_DATABASE_URL=url)
        assert (status, "key" in said) == (1, True), said
        assert "Traceback" not in said
    finally:
        office.clean_up()
        with psycopg.connect(postgres, autocommit=True) as db:
            for database in (name, f"{name}_keys"):
                db.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


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
